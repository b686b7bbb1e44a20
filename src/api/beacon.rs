//! The running whole.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use std::time::Instant;

use crate::api::Address;
use crate::api::Browser;
use crate::api::Publication;
use crate::api::Registration;
use crate::api::Subscription;
use crate::config::Config;
use crate::dnssd::HostName;
use crate::dnssd::InstanceName;
use crate::dnssd::Service;
use crate::dnssd::ServiceType;
use crate::dnssd::TxtProperties;
use crate::error::Error;
use crate::error::Rejected;
use crate::lifecycle::Report;
use crate::protocol::Depth;
use crate::protocol::Event;
use crate::protocol::Instance;
use crate::protocol::LinkId;
use crate::protocol::RecordEvent;
use crate::protocol::RecordSet;
use crate::protocol::TypeEvent;
use crate::resources::Cursor;
use crate::resources::Usage;
use crate::runtime::Command;
use crate::runtime::Figures;
use crate::runtime::Handle;
use crate::runtime::Line;
use crate::runtime::Opened;
use crate::runtime::deadline;
use crate::telemetry::Warning;
use crate::wire::Name;
use crate::wire::Rdata;
use crate::wire::Record;
use crate::wire::RecordType;

/// Multicast DNS and DNS-SD for this process: one loop, one cache, one set of questions for all.
///
/// Share it by reference or in an [`Arc`](std::sync::Arc). When it is dropped, what it published is
/// taken back, its sockets are closed, and all its threads are gone from the process. Handles that
/// outlive it say [`Error::Stopped`].
///
/// # Examples
///
/// ```no_run
/// use beacon::{Beacon, Config, Service};
///
/// let beacon = Beacon::start(Config::default())?;
/// let web = beacon.register(Service::new("My Page", "_http._tcp", 8080)?.txt("path", "/")?)?;
/// // … serve …
/// drop(web); // the goodbye is sent
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Beacon {
    handle: Handle,
}

impl Beacon {
    /// Opens the sockets and starts the threads.
    ///
    /// # Errors
    ///
    /// [`Error::NoInterface`] when an interface named is not there, or there is none to use;
    /// [`Error::PortHeld`] when another program holds port 5353 for itself; [`Error::System`] when
    /// the system refuses something else. Nothing is left behind then.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a configuration is used once"
    )]
    pub fn start(config: Config) -> Result<Self, Error> {
        Handle::start(&config).map(|handle| Self { handle })
    }

    /// Publishes a service, under its name or, if another host has that, under the next one.
    ///
    /// Returns at once; [`Registration::wait_announced`] tells when it is done, and under which
    /// name. Attributes above [`TxtProperties::BYTES_ADVISED`] are published, with a warning in
    /// the log.
    ///
    /// # Errors
    ///
    /// [`Error::Duplicate`] when this Beacon publishes the name already, [`Error::Limit`] when
    /// there are too many; [`Error::Busy`] and [`Error::Stopped`]. The service comes back with
    /// each.
    pub fn register(&self, service: Service) -> Result<Registration, Rejected<Service>> {
        warn_if_large(service.properties());
        let given = Box::new(service.clone());
        let answer = self.line().ask(|reply| Command::Register(given, reply));
        match answer {
            Ok(Ok(registered)) => Ok(Registration::new(registered, self.line().clone())),
            Ok(Err(rejected)) => Err(rejected),
            Err(error) => Err(Rejected {
                given: service,
                error,
            }),
        }
    }

    /// Publishes records of any types, as they are.
    ///
    /// Returns at once; [`Publication::wait_announced`] tells when it is done, or that another host
    /// has their name.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] when there is none in the set, [`Error::Duplicate`] when this Beacon has
    /// its name for itself already, [`Error::Limit`] when there are too many registrations;
    /// [`Error::Busy`] and [`Error::Stopped`]. The set comes back with each.
    pub fn publish(&self, set: RecordSet) -> Result<Publication, Rejected<RecordSet>> {
        let given = Box::new(set.clone());
        let answer = self.line().ask(|reply| Command::Publish(given, reply));
        match answer {
            Ok(made) => made.map(Publication::new),
            Err(error) => Err(Rejected { given: set, error }),
        }
    }

    /// Searches for the instances of a service type, such as `_ipp._tcp`, and resolves each.
    ///
    /// # Errors
    ///
    /// [`Error::ServiceType`] when the text is no type, [`Error::Domain`] when it names another
    /// domain than `local`, [`Error::Limit`] when there are too many searches; [`Error::Busy`] and
    /// [`Error::Stopped`].
    pub fn browse<T>(&self, service_type: T) -> Result<Browser, Error>
    where
        T: TryInto<ServiceType>,
        Error: From<T::Error>,
    {
        self.browse_to(service_type.try_into()?, Depth::Resolved)
    }

    /// Searches for the names of a service type's instances alone: nothing is resolved.
    ///
    /// # Errors
    ///
    /// As for [`browse`](Self::browse).
    pub fn browse_names<T>(&self, service_type: T) -> Result<Browser, Error>
    where
        T: TryInto<ServiceType>,
        Error: From<T::Error>,
    {
        self.browse_to(service_type.try_into()?, Depth::Names)
    }

    /// Follows one instance: its events tell how to reach it, whenever that changes.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] when there are too many searches; [`Error::Busy`] and [`Error::Stopped`].
    pub fn follow(&self, instance: &InstanceName) -> Result<Browser, Error> {
        let instance = instance.clone();
        let opened = self
            .line()
            .ask(|reply| Command::Follow(instance, reply))??;
        Ok(Subscription::new(opened))
    }

    /// Searches for the types of service that there are, whoever offers them. RFC 6763 §9.
    ///
    /// # Errors
    ///
    /// As for [`follow`](Self::follow).
    pub fn browse_types(&self) -> Result<Subscription<TypeEvent>, Error> {
        let opened = self.line().ask(Command::Types)??;
        Ok(Subscription::new(opened))
    }

    /// Follows the records of a type at a name, whatever they are for.
    ///
    /// # Errors
    ///
    /// As for [`follow`](Self::follow).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use beacon::wire::RecordType;
    /// use beacon::{Beacon, Config, RecordEvent};
    ///
    /// let beacon = Beacon::start(Config::default())?;
    /// let name = "printer.local".parse()?;
    /// for event in beacon.query(&name, RecordType::HINFO)?.within(Duration::from_secs(2)) {
    ///     if let RecordEvent::Added { record, .. } = event {
    ///         println!("{record:?}");
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn query(
        &self,
        name: &Name,
        record_type: RecordType,
    ) -> Result<Subscription<RecordEvent>, Error> {
        let (name, types) = (name.clone(), vec![record_type]);
        let opened = self
            .line()
            .ask(|reply| Command::Query(name, types, reply))??;
        Ok(Subscription::new(opened))
    }

    /// Takes the hint that an instance could not be reached where it was said to be. What leads to
    /// it is asked for again, and goes within ten seconds if nobody confirms it (RFC 6762 §10.4).
    /// Tells whether anything was known of it still.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] and [`Error::Stopped`].
    pub fn reconfirm(&self, instance: &Instance) -> Result<bool, Error> {
        let (name, link) = (instance.name.clone(), LinkId(instance.interface.index()));
        self.line()
            .ask(|reply| Command::Reconfirm(name, link, reply))?
    }

    /// Finds out how to reach one instance.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] when nobody said so in time; otherwise as for [`follow`](Self::follow).
    pub fn resolve(&self, instance: &InstanceName, within: Duration) -> Result<Instance, Error> {
        let deadline = deadline(within);
        let browser = self.follow(instance)?;
        loop {
            match browser.events().recv_deadline(deadline) {
                Ok(Event::Resolved(instance)) => return Ok(instance),
                Ok(_) => {}
                Err(error) if error.is_timeout() => return Err(Error::TimedOut { waited: within }),
                Err(_) => return Err(Error::Stopped),
            }
        }
    }

    /// Finds the addresses of a host, such as `printer.local`.
    ///
    /// Returns when the host has said which addresses it has and which it has not, or a quarter of
    /// a second after the first address; IPv4 comes first.
    ///
    /// # Errors
    ///
    /// [`Error::Host`] when that is no host name, [`Error::Domain`] when it lies in another domain
    /// than `local`, [`Error::TimedOut`] when no address was heard in time, [`Error::NotFound`]
    /// when the host says that it has none; otherwise as for [`follow`](Self::follow).
    pub fn lookup(&self, host: &str, within: Duration) -> Result<Vec<Address>, Error> {
        let host: HostName = host.parse()?;
        let types = vec![RecordType::A, RecordType::AAAA];
        let name = host.name().clone();
        let opened = self
            .line()
            .ask(|reply| Command::Query(name, types, reply))??;
        match gather(&opened, within)? {
            Some(found) if found.is_empty() => Err(Error::NotFound {
                name: host.to_string(),
            }),
            Some(found) => Ok(found),
            None => Err(Error::TimedOut { waited: within }),
        }
    }

    /// Returns what was counted since the start.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] and [`Error::Stopped`].
    pub fn figures(&self) -> Result<Figures, Error> {
        let counts = self.line().ask(Command::Counts)??;
        Ok(self.handle.board().figures(counts))
    }

    /// Returns what may be held and how much of it is: everything that can grow, as a tree of
    /// budgets with the most that was ever in use and how often there was no room.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # let beacon = beacon::Beacon::start(beacon::Config::default())?;
    /// for usage in beacon.resources() {
    ///     println!("{}: {} of {}", usage.name, usage.used, usage.limit);
    /// }
    /// # Ok::<(), beacon::Error>(())
    /// ```
    #[must_use]
    pub fn resources(&self) -> Vec<Usage> {
        self.handle.resources().tree()
    }

    /// Returns what has become too much, and then what does: descriptors above four fifths of what
    /// the process may have, a hundred threads more than at the start, a budget of
    /// [`resources`](Self::resources) that refuses, turns of the loop above a quarter of a second.
    /// Each is told once, here and as a warning in the log, and again only after it was well below.
    ///
    /// The loop looks once a second at most, and only while it is awake anyway: what happens while
    /// it sleeps is told when it wakes. The last 64 warnings of a day are kept.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Instant;
    ///
    /// use beacon::telemetry::Warning;
    /// use beacon::{Beacon, Config};
    ///
    /// let beacon = Beacon::start(Config::default())?;
    /// let mut warnings = beacon.warnings();
    /// while let Ok(Some((_, warning))) = warnings.try_next(Instant::now()) {
    ///     if let Warning::Refusing { budget, denied } = warning {
    ///         println!("{budget} has refused {denied} times: raise its limit?");
    ///     }
    /// }
    /// # Ok::<(), beacon::Error>(())
    /// ```
    #[must_use]
    pub fn warnings(&self) -> Cursor<Warning> {
        self.handle.board().warnings.0.head(Instant::now())
    }

    /// Takes back what was published, and stops. The farewell takes as long as `within` at most,
    /// and milliseconds as a rule. All threads are gone when it returns, whatever the report says.
    ///
    /// Dropping it does the same within two seconds, and says so in the log (at the level debug)
    /// with what was still open.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # let beacon = beacon::Beacon::start(beacon::Config::default())?;
    /// let report = beacon.shutdown(Duration::from_secs(2));
    /// if !report.is_clean() {
    ///     eprintln!("{report}"); // each step with its time and what came of it
    /// }
    /// # Ok::<(), beacon::Error>(())
    /// ```
    #[must_use = "it says whether every goodbye was sent"]
    pub fn shutdown(self, within: Duration) -> Report {
        self.handle.stop(within)
    }

    fn browse_to(&self, service_type: ServiceType, depth: Depth) -> Result<Browser, Error> {
        let opened = self
            .line()
            .ask(|reply| Command::Browse(service_type, depth, reply))??;
        Ok(Subscription::new(opened))
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    fn line(&self) -> &Line {
        self.handle.line()
    }
}

/// Warns of attributes that do not fit into one packet: they arrive in fragments, of which one lost
/// loses all. RFC 6762 §17, RFC 6763 §6.2.
pub(crate) fn warn_if_large(properties: &TxtProperties) {
    let (bytes, advised) = (properties.bytes_len(), TxtProperties::BYTES_ADVISED);
    if bytes > advised {
        log::warn!("attributes of {bytes} bytes do not fit into one packet; keep to {advised}");
    }
}

impl fmt::Debug for Beacon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beacon").finish_non_exhaustive()
    }
}

/// Gathers addresses until it is clear that there are no more; `None` if nothing was heard in
/// time.
fn gather(opened: &Opened<RecordEvent>, within: Duration) -> Result<Option<Vec<Address>>, Error> {
    let (mut found, mut heard) = (Vec::new(), BTreeSet::new());
    let mut until = deadline(within);
    loop {
        match opened.events.recv_deadline(until) {
            Ok(RecordEvent::Added { record, interface }) => {
                heard.insert(record.record_type());
                found.extend(address_of(&record).map(|address| Address { address, interface }));
            }
            Ok(RecordEvent::Denied { record_type, .. }) => drop(heard.insert(record_type)),
            Ok(_) => {}
            Err(error) if error.is_timeout() => break,
            Err(_) => return Err(Error::Stopped),
        }
        let rest = match heard.len() {
            ADDRESS_TYPES => BREATH,
            _ if !found.is_empty() => COMPANY,
            _ => continue,
        };
        until = until.min(Instant::now() + rest);
    }
    found.sort_unstable();
    found.dedup();
    let known = !found.is_empty() || heard.len() == ADDRESS_TYPES;
    Ok(known.then_some(found))
}

/// A and AAAA.
const ADDRESS_TYPES: usize = 2;

/// How long a lookup waits for the other family once it has heard of one.
const COMPANY: Duration = Duration::from_millis(250);

/// How long it waits for the rest of a message that has told of both.
const BREATH: Duration = Duration::from_millis(5);

fn address_of(record: &Record) -> Option<IpAddr> {
    match record.rdata {
        Rdata::A(address) => Some(address.into()),
        Rdata::Aaaa(address) => Some(address.into()),
        _ => None,
    }
}
