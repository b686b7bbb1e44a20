//! A service that is published.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use crate::api::beacon::warn_if_large;
use crate::dnssd::InstanceName;
use crate::dnssd::TxtProperties;
use crate::error::Error;
use crate::protocol::Status;
use crate::runtime::Command;
use crate::runtime::Line;
use crate::runtime::Registered;
use crate::runtime::Standing;

/// A service that is published for as long as this is held. Dropping it sends the goodbye.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
///
/// use beacon::{Beacon, Config, Service};
///
/// let beacon = Beacon::start(Config::default())?;
/// let printer = beacon.register(Service::new("Office Printer", "_ipp._tcp", 631)?)?;
///
/// let name = printer.wait_announced(Duration::from_secs(5))?;
/// println!("published as {}", name.label());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping a registration withdraws its service"]
pub struct Registration {
    registered: Registered,
    line: Line,
}

impl Registration {
    pub(crate) fn new(registered: Registered, line: Line) -> Self {
        Self { registered, line }
    }

    /// Returns the name that the service has by now; a conflict on the link changes it (RFC 6762
    /// §9).
    #[must_use]
    pub fn name(&self) -> InstanceName {
        self.standing().name()
    }

    /// Waits until the service was announced on every link, and returns the name that it got.
    ///
    /// Without a conflict this takes 0.75 to 1 second (RFC 6762 §8.1). While there is no link it
    /// does not happen.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] when it takes longer than `within`, [`Error::Stopped`] when the
    /// [`Beacon`](crate::Beacon) is gone.
    pub fn wait_announced(&self, within: Duration) -> Result<InstanceName, Error> {
        self.standing().wait_announced(within)
    }

    /// Lends what becomes of the registration, to be received from or selected on. The last 16
    /// events are kept for one who does not read them.
    #[must_use]
    pub fn events(&self) -> &Receiver<Status> {
        &self.registered.events
    }

    /// Changes the attributes of the service in place. More than ten changes a minute wait, and the
    /// last of them wins (RFC 6762 §8.4).
    ///
    /// # Errors
    ///
    /// [`Error::Txt`] when one of them may not be published, and those published so far stay;
    /// [`Error::Busy`] and [`Error::Stopped`].
    pub fn update_txt(&self, properties: &TxtProperties) -> Result<(), Error> {
        warn_if_large(properties);
        let (id, properties) = (self.registered.id, properties.clone());
        self.line
            .ask(|reply| Command::UpdateTxt(id, properties, reply))?
    }

    fn standing(&self) -> &Arc<Standing> {
        &self.registered.standing
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}
