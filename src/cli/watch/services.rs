//! The services that are there and can be reached.

use std::collections::BTreeMap;
use std::net::IpAddr;

use beacon::Event;
use beacon::Instance;
use beacon::InstanceName;
use beacon::Interface;
use beacon::ServiceType;

/// Services by what was searched for, name and interface. There are no more than the library's
/// cache has room for: what leaves it is told, and leaves here.
#[derive(Debug, Default)]
pub(crate) struct Services(BTreeMap<(ServiceType, InstanceName, Interface), Instance>);

impl Services {
    /// Takes in what was told of a search, and tells whether that changes anything.
    pub(crate) fn apply(&mut self, searched: ServiceType, event: Event) -> bool {
        match event {
            Event::Resolved(instance) => {
                let (name, interface) = (instance.name.clone(), instance.interface.clone());
                let key = (searched, name, interface);
                let changes = self.0.get(&key) != Some(&instance);
                self.0.insert(key, instance);
                changes
            }
            Event::Removed(gone) => {
                let key = (searched, gone.name, gone.interface);
                self.0.remove(&key).is_some()
            }
            // It cannot be reached yet. What a reader missed who lagged is told again.
            _ => false,
        }
    }

    /// Lists them; one that fits two searches comes twice.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Instance> {
        self.0.values()
    }
}

/// Whether an address is that of one host where there is no place for an interface behind it.
pub(crate) fn can_be_written(address: IpAddr) -> bool {
    let is_one_host = !address.is_unspecified() && !address.is_multicast();
    is_one_host
        && match address {
            IpAddr::V4(address) => !address.is_broadcast(),
            IpAddr::V6(address) => !address.is_unicast_link_local(),
        }
}

#[cfg(test)]
mod tests {
    use beacon::protocol::{Interface, LinkId};
    use beacon::{Event, Instance, ServiceType, Sighting, TxtProperties};

    use super::{Services, can_be_written};

    #[test]
    fn what_is_resolved_is_there_until_it_is_removed_from_the_same_search() {
        let (all, some) = (searched("_http._tcp"), searched("_cam._sub._http._tcp"));
        let mut services = Services::default();

        assert!(!services.apply(all.clone(), Event::Found(sighting("eth0"))));
        assert!(services.apply(all.clone(), resolved("eth0", 80)));
        assert!(
            !services.apply(all.clone(), resolved("eth0", 80)),
            "as it was"
        );
        assert!(services.apply(all.clone(), resolved("eth0", 81)));
        assert!(services.apply(all.clone(), resolved("eth1", 81)));
        assert!(services.apply(some.clone(), resolved("eth0", 81)));
        assert_eq!(services.iter().count(), 3);

        assert!(services.apply(some.clone(), Event::Removed(sighting("eth0"))));
        assert!(!services.apply(some, Event::Removed(sighting("eth0"))));
        assert!(services.apply(all, Event::Removed(sighting("eth1"))));
        let left: Vec<_> = services.iter().map(|left| left.interface.name()).collect();
        assert_eq!(left, ["eth0"]);
    }

    #[test]
    fn an_address_is_written_if_it_is_that_of_one_host_without_an_interface() {
        for (address, expected) in [
            ("192.0.2.9", true),
            ("169.254.1.2", true),
            ("2001:db8::9", true),
            ("fe80::9", false),
            ("0.0.0.0", false),
            ("::", false),
            ("224.0.0.251", false),
            ("ff02::fb", false),
            ("255.255.255.255", false),
        ] {
            assert_eq!(
                can_be_written(address.parse().unwrap()),
                expected,
                "{address}"
            );
        }
    }

    fn searched(service_type: &str) -> ServiceType {
        service_type.parse().unwrap()
    }

    fn sighting(interface: &str) -> Sighting {
        Sighting {
            name: "Porch._http._tcp".parse().unwrap(),
            interface: Interface::new(LinkId(2), interface),
        }
    }

    fn resolved(interface: &str, port: u16) -> Event {
        let Sighting { name, interface } = sighting(interface);
        Event::Resolved(Instance {
            name,
            interface,
            host: "porch.local".parse().unwrap(),
            port,
            addresses: vec!["192.0.2.9".parse().unwrap()],
            txt: TxtProperties::new(),
        })
    }
}
