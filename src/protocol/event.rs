//! What the engine tells: services that come and go, records, and the fate of our own names.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::dnssd::HostName;
use crate::dnssd::InstanceName;
use crate::dnssd::ServiceType;
use crate::dnssd::TxtProperties;
use crate::protocol::link::LinkId;
use crate::wire::Name;
use crate::wire::Record;
use crate::wire::RecordType;

/// The interface by which something was learned: its index, and its name at that time.
///
/// # Examples
///
/// ```
/// use beacon::protocol::{Interface, LinkId};
///
/// let interface = Interface::new(LinkId(2), "eth0");
///
/// assert_eq!(interface.to_string(), "eth0");
/// assert_eq!(interface.index(), 2);
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Interface {
    id: LinkId,
    name: Arc<str>,
}

impl Interface {
    /// Names an interface.
    #[must_use]
    pub fn new(id: LinkId, name: impl Into<Arc<str>>) -> Self {
        Self {
            id,
            name: name.into(),
        }
    }

    /// Returns the interface index.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.id.0
    }

    /// Returns the interface's name, such as `eth0`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// An instance of a service, seen on one interface.
///
/// # Examples
///
/// ```
/// use beacon::Sighting;
///
/// fn show(sighting: &Sighting) -> String {
///     format!("{} on {}", sighting.name.label(), sighting.interface)
/// }
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Sighting {
    /// The full name of the instance, in the letters its host gave it.
    pub name: InstanceName,
    /// Where it was seen.
    pub interface: Interface,
}

/// An instance of a service with all that is needed to reach it. RFC 6763 §4 to §6.
///
/// # Examples
///
/// ```
/// use beacon::Instance;
///
/// fn reach(instance: &Instance) -> Option<std::net::SocketAddr> {
///     let address = instance.addresses.first()?;
///     Some((*address, instance.port).into())
/// }
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Instance {
    /// The full name of the instance, in the letters its host gave it.
    pub name: InstanceName,
    /// Where it was seen. A link-local IPv6 address is good only together with it.
    pub interface: Interface,
    /// The host that offers it.
    pub host: Name,
    /// The port on that host.
    pub port: u16,
    /// The host's addresses on that link, in ascending order, IPv4 first; at least one, and no
    /// more than [`Limits::addresses_per_host`](crate::Limits::addresses_per_host).
    pub addresses: Vec<IpAddr>,
    /// What the host says of it.
    pub txt: TxtProperties,
}

/// What a browser tells.
///
/// # Examples
///
/// ```
/// use beacon::Event;
///
/// fn show(event: &Event) -> String {
///     match event {
///         Event::Found(at) => format!("+ {}", at.name.label()),
///         Event::Resolved(instance) => format!("= {}:{}", instance.host, instance.port),
///         Event::Removed(at) => format!("- {}", at.name.label()),
///         _ => String::new(),
///     }
/// }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An instance is there.
    Found(Sighting),
    /// Its host, port, addresses and TXT are known; comes again whenever one of them changes.
    Resolved(Instance),
    /// It is gone.
    Removed(Sighting),
    /// The reader fell behind. What changed meanwhile follows as it is by then: states in between
    /// may be missing, but no instance is.
    Lagged,
}

/// What a search for types of service tells. RFC 6763 §9.
///
/// # Examples
///
/// ```
/// use beacon::TypeEvent;
///
/// fn show(event: &TypeEvent) -> String {
///     match event {
///         TypeEvent::Found { service_type, .. } => format!("+ {service_type}"),
///         TypeEvent::Removed { service_type, .. } => format!("- {service_type}"),
///         _ => String::new(),
///     }
/// }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TypeEvent {
    /// There are instances of a type, or were a moment ago.
    Found {
        /// The type, whatever domain it was said to lie in.
        service_type: ServiceType,
        /// Where it was heard of.
        interface: Interface,
    },
    /// Nobody offers it any more.
    Removed {
        /// The type.
        service_type: ServiceType,
        /// Where it was heard of.
        interface: Interface,
    },
    /// The reader fell behind; what is true by then follows.
    Lagged,
}

/// What a question for records tells.
///
/// # Examples
///
/// ```
/// use beacon::RecordEvent;
///
/// fn is_news(event: &RecordEvent) -> bool {
///     !matches!(event, RecordEvent::Lagged)
/// }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RecordEvent {
    /// A record is there.
    Added {
        /// The record as its owner sent it.
        record: Record,
        /// Where it was heard.
        interface: Interface,
    },
    /// It is gone.
    Removed {
        /// The record as it was.
        record: Record,
        /// Where it was heard.
        interface: Interface,
    },
    /// The owner of the name says that it has no record of this type. RFC 6762 §6.1.
    Denied {
        /// The type asked for.
        record_type: RecordType,
        /// Where it was said.
        interface: Interface,
    },
    /// The reader fell behind; what is true by then follows.
    Lagged,
}

/// What becomes of records that were published by hand.
///
/// # Examples
///
/// ```
/// use beacon::Fate;
///
/// fn is_over(fate: Fate) -> bool {
///     fate == Fate::Lost
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fate {
    /// Their name is being probed for, or they wait to be announced. RFC 6762 §8.1.
    Probing,
    /// They were announced on every link. RFC 6762 §8.3.
    Announced,
    /// Another host has their name, and they are not published any more. RFC 6762 §9.
    Lost,
}

/// What becomes of a registration.
///
/// # Examples
///
/// ```
/// use beacon::Status;
///
/// fn show(status: &Status) -> String {
///     match status {
///         Status::Announced { name } => format!("{} is ours", name.label()),
///         Status::Renamed { from, to } => format!("{} became {}", from.label(), to.label()),
///         _ => String::new(),
///     }
/// }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Status {
    /// Its name is being probed for. RFC 6762 §8.1.
    Probing {
        /// The name wanted.
        name: InstanceName,
    },
    /// Another host holds the name; another one is probed for. RFC 6762 §9.
    Renamed {
        /// The name given up.
        from: InstanceName,
        /// The name tried next.
        to: InstanceName,
    },
    /// Another host holds the name of the host that the service is on; another one is probed for.
    /// Every registration on that host is told. RFC 6762 §9.
    HostRenamed {
        /// The name given up.
        from: HostName,
        /// The name tried next.
        to: HostName,
    },
    /// It was announced under this name on every link. RFC 6762 §8.3.
    Announced {
        /// The name that it has.
        name: InstanceName,
    },
    /// No free name was found in a minute of probing, which goes on. RFC 6762 §9.
    Overdue {
        /// The name tried by then.
        name: InstanceName,
    },
}
