//! One host: an engine, what its user wants of it, and what it told him.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use beacon::Event;
use beacon::HostName;
use beacon::Instance;
use beacon::Service;
use beacon::ServiceType;
use beacon::Status;
use beacon::protocol::Depth;
use beacon::protocol::Engine;
use beacon::protocol::Link;
use beacon::protocol::LinkId;
use beacon::protocol::Notice;
use beacon::protocol::RegistrationId;
use beacon::protocol::SubscriptionId;
use beacon::wire::Name;

/// The one link that every host is on.
pub(crate) const LINK: LinkId = LinkId(1);

/// A host, running or not.
pub(crate) struct Host {
    pub(crate) name: HostName,
    pub(crate) link: Link,
    pub(crate) state: State,
    /// The engine's process; there is none while the host is down.
    pub(crate) engine: Option<Engine>,
    pub(crate) services: Vec<Published>,
    pub(crate) browses: Vec<Browse>,
    /// The earliest entry of the event queue that looks at this host's deadlines.
    pub(crate) scheduled: Option<Duration>,
    /// How often it was started.
    pub(crate) lives: u64,
}

/// Whether a host takes part.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    Up,
    /// Its clock goes on, its processes do not.
    Asleep,
    Down,
}

/// A service that a host's user offers.
pub(crate) struct Published {
    pub(crate) service: Service,
    pub(crate) id: Option<RegistrationId>,
    pub(crate) announced: bool,
}

/// A browse that a host's user has open.
pub(crate) struct Browse {
    pub(crate) service_type: ServiceType,
    pub(crate) depth: Depth,
    pub(crate) id: Option<SubscriptionId>,
    /// What was reported and not removed, with what it resolved to last.
    pub(crate) listed: BTreeMap<Name, Option<Instance>>,
}

/// News of a browse that the oracle wants to judge.
pub(crate) enum News {
    Found(Name),
    Removed(Name),
}

impl Host {
    pub(crate) fn new(name: HostName, link: Link) -> Self {
        Self {
            name,
            link,
            state: State::Down,
            engine: None,
            services: Vec::new(),
            browses: Vec::new(),
            scheduled: None,
            lives: 0,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Returns the name that a service has by now, if it is offered.
    pub(crate) fn name_of(&self, published: &Published) -> Option<Name> {
        let id = published.id?;
        let engine = self.engine.as_ref()?;
        engine.registered_name(id).map(|name| name.name().clone())
    }

    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        self.link.addresses().collect()
    }

    /// Returns the address that the kernel puts on a packet: to a link-local address or group it
    /// speaks from a link-local one. RFC 6724 §5.
    pub(crate) fn source_towards(&self, to: IpAddr) -> IpAddr {
        let local = |address: IpAddr| match address {
            IpAddr::V4(_) => false,
            IpAddr::V6(address) => {
                address.is_unicast_link_local() || address.segments()[0] == 0xff02
            }
        };
        let of_family = |own: &IpAddr| own.is_ipv4() == to.is_ipv4();
        let same_scope = |own: &IpAddr| of_family(own) && local(*own) == local(to);
        let own = self.link.addresses().find(same_scope);
        let own = own.or_else(|| self.link.addresses().find(of_family));
        own.expect("a family in use has an address")
    }

    /// Takes note of what the engine told, and returns the browse and the news if it is some.
    ///
    /// Panics when the story makes no sense: a second arrival, or a departure without one.
    pub(crate) fn note(&mut self, notice: Notice) -> Option<(usize, News)> {
        match notice {
            Notice::Browse(id, event) => {
                let mut open = self.browses.iter_mut().enumerate();
                let (n, browse) = open.find(|(_, browse)| browse.id == Some(id))?;
                browse.note(event).map(|news| (n, news))
            }
            Notice::Registration(id, status) => {
                let mut all = self.services.iter_mut();
                if let Some(published) = all.find(|published| published.id == Some(id)) {
                    published.announced = matches!(status, Status::Announced { .. });
                }
                None
            }
            _ => None,
        }
    }

    /// Ends the process: nothing that it knew is left.
    pub(crate) fn end(&mut self) {
        self.state = State::Down;
        self.engine = None;
        self.scheduled = None;
        for published in &mut self.services {
            published.id = None;
            published.announced = false;
        }
        for browse in &mut self.browses {
            browse.id = None;
            browse.listed.clear();
        }
    }
}

impl Browse {
    pub(crate) fn new(service_type: ServiceType, depth: Depth) -> Self {
        Self {
            service_type,
            depth,
            id: None,
            listed: BTreeMap::new(),
        }
    }

    fn note(&mut self, event: Event) -> Option<News> {
        match event {
            Event::Found(sighting) => {
                let name = sighting.name.name().clone();
                let before = self.listed.insert(name.clone(), None);
                assert!(before.is_none(), "{name} was found twice");
                Some(News::Found(name))
            }
            Event::Resolved(instance) => {
                let name = instance.name.name().clone();
                let listed = self.listed.get_mut(&name);
                let listed =
                    listed.unwrap_or_else(|| panic!("{name} resolved before it was found"));
                assert!(
                    listed.as_ref() != Some(&instance),
                    "{name} resolved twice to the same"
                );
                *listed = Some(instance);
                None
            }
            Event::Removed(sighting) => {
                let name = sighting.name.name().clone();
                let before = self.listed.remove(&name);
                assert!(before.is_some(), "{name} was removed without being there");
                Some(News::Removed(name))
            }
            _ => None,
        }
    }
}
