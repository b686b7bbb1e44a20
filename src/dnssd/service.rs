//! A service as a program registers it: its name, port, attributes and perhaps its host.
//!
//! Read [RFC 6763 §5](https://www.rfc-editor.org/rfc/rfc6763#section-5) first.
//!
//! Not here: the records it becomes and the probing for its name (`protocol`).

use std::net::IpAddr;

use crate::dnssd::HostName;
use crate::dnssd::InstanceName;
use crate::dnssd::ServiceType;
use crate::dnssd::TxtProperties;
use crate::dnssd::label;
use crate::error::AddressFault;
use crate::error::Error;
use crate::error::InstanceFault;
use crate::error::SubtypeFault;

/// One service to be announced on the link.
///
/// Holding one proves that everything in it may be published. It is on this host unless
/// [`host`](Self::host) names another one, for which it is then announced as by a proxy.
///
/// # RFC
///
/// 6763 §4.1 (name), §5 (port), §6 (attributes), §7.1 (subtypes).
///
/// # Examples
///
/// ```
/// use beacon::Service;
///
/// let printer = Service::new("Office Printer", "_ipp._tcp", 631)?
///     .txt("rp", "ipp/print")?
///     .flag("Color")?
///     .subtype("_universal")?;
/// assert_eq!(printer.instance().to_string(), "Office Printer._ipp._tcp.local.");
///
/// let camera = Service::new("Porch", "_rtsp._tcp", 554)?
///     .host("camera.local")?
///     .address("192.0.2.9".parse()?)?;
/// assert_eq!(camera.addresses().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Service {
    instance: InstanceName,
    /// The type without a subtype.
    service_type: ServiceType,
    /// The type with one subtype each.
    subtypes: Vec<ServiceType>,
    port: u16,
    properties: TxtProperties,
    host: Option<HostName>,
    addresses: Vec<IpAddr>,
}

impl Service {
    /// Most subtypes of a service; each is a record more to announce.
    pub const SUBTYPES_MAX: usize = 32;

    /// Most addresses of another host; each is a record more to announce.
    pub const ADDRESSES_MAX: usize = 32;

    /// Begins with what every service has: the name that people read, its type, and the port that
    /// it listens on.
    ///
    /// Choose a name that is short and descriptive, without serial numbers: if it is taken, a
    /// number is added. The type may carry a subtype (`_printer._sub._http._tcp`).
    ///
    /// # RFC
    ///
    /// 6763 §4.1.1 (names), §7 (types), appendix D (names to choose).
    ///
    /// # Errors
    ///
    /// [`Error::Instance`], [`Error::ServiceType`] or [`Error::Domain`] if name or type break a
    /// rule, [`Error::PortZero`] if the port is 0.
    pub fn new(name: &str, service_type: &str, port: u16) -> Result<Self, Error> {
        let given: ServiceType = service_type.parse()?;
        let instance = InstanceName::new(name, &given)?;
        if port == 0 {
            return Err(Error::PortZero);
        }
        let narrowed = given.subtype_bytes().is_some();
        Ok(Self {
            instance,
            service_type: given.without_subtype(),
            subtypes: if narrowed { vec![given] } else { Vec::new() },
            port,
            properties: TxtProperties::new(),
            host: None,
            addresses: Vec::new(),
        })
    }

    /// Adds an attribute `key=value`; the value is sent byte for byte.
    ///
    /// # RFC
    ///
    /// 6763 §6.3 to §6.5.
    ///
    /// # Errors
    ///
    /// [`Error::Txt`] if the key may not be published or is there already, or if value or record
    /// are too long.
    pub fn txt(mut self, key: &str, value: impl AsRef<[u8]>) -> Result<Self, Error> {
        self.properties.insert(key, Some(value.as_ref()))?;
        Ok(self)
    }

    /// Adds an attribute without a value, which says something by being there.
    ///
    /// # RFC
    ///
    /// 6763 §6.4.
    ///
    /// # Errors
    ///
    /// As of [`txt`](Self::txt).
    pub fn flag(mut self, key: &str) -> Result<Self, Error> {
        self.properties.insert(key, None)?;
        Ok(self)
    }

    /// Replaces all attributes.
    ///
    /// # Errors
    ///
    /// [`Error::Txt`] if one of them may not be published: received attributes may have keys that
    /// break the rules.
    pub fn with_properties(mut self, properties: &TxtProperties) -> Result<Self, Error> {
        self.properties = TxtProperties::new();
        for (key, value) in properties {
            self.properties.insert(&key, value)?;
        }
        Ok(self)
    }

    /// Adds a subtype, under which the service is found as well; one that is there already makes
    /// no difference.
    ///
    /// # RFC
    ///
    /// 6763 §7.1.
    ///
    /// # Errors
    ///
    /// [`Error::Subtype`] unless it has 1 to 63 bytes, or if there are
    /// [`SUBTYPES_MAX`](Self::SUBTYPES_MAX) already.
    pub fn subtype(mut self, subtype: impl AsRef<[u8]>) -> Result<Self, Error> {
        let narrowed = self.service_type.with_subtype(subtype)?;
        if self.subtypes.contains(&narrowed) {
            return Ok(self);
        }
        let limit = Self::SUBTYPES_MAX;
        if self.subtypes.len() == limit {
            let given = narrowed.subtype().unwrap_or_default().into_owned();
            let fault = SubtypeFault::TooMany { limit };
            return Err(Error::Subtype { given, fault });
        }
        self.subtypes.push(narrowed);
        Ok(self)
    }

    /// Says that the service runs on another host, which cannot announce it itself.
    ///
    /// # Errors
    ///
    /// [`Error::Host`] or [`Error::Domain`] unless it is one label, alone or under `local`.
    pub fn host(mut self, host: &str) -> Result<Self, Error> {
        self.host = Some(host.parse()?);
        Ok(self)
    }

    /// Adds an address of the other host, to be announced with the service; one that is there
    /// already makes no difference. Without any, that host announces its addresses itself.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] if [`host`](Self::host) was not called before, if the address is no
    /// host's own, or if there are [`ADDRESSES_MAX`](Self::ADDRESSES_MAX) already.
    pub fn address(mut self, address: IpAddr) -> Result<Self, Error> {
        if self.addresses.contains(&address) {
            return Ok(self);
        }
        match self.fault_of(address) {
            Some(fault) => Err(Error::Address {
                given: address,
                fault,
            }),
            None => {
                self.addresses.push(address);
                Ok(self)
            }
        }
    }

    /// Returns the full name under which the service is to be announced.
    #[must_use]
    pub fn instance(&self) -> &InstanceName {
        &self.instance
    }

    /// Returns the type, without a subtype.
    #[must_use]
    pub fn service_type(&self) -> &ServiceType {
        &self.service_type
    }

    /// Returns the type once for each subtype, in the order in which they were given.
    #[must_use]
    pub fn subtypes(&self) -> &[ServiceType] {
        &self.subtypes
    }

    /// Returns the port that the service listens on, which is never 0.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the attributes.
    #[must_use]
    pub fn properties(&self) -> &TxtProperties {
        &self.properties
    }

    /// Returns the other host on which the service runs, if it is not this one.
    #[must_use]
    pub fn host_name(&self) -> Option<&HostName> {
        self.host.as_ref()
    }

    /// Returns the addresses to announce for the other host.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Gives the service another name of the same type, as after a conflict or when its user
    /// wants one.
    ///
    /// # RFC
    ///
    /// 6763 §4.1.1 (the name can be changed); 6762 §9 (and is, after a conflict).
    ///
    /// # Errors
    ///
    /// [`Error::Instance`] if the name has another type or domain, or a control character.
    ///
    /// # Examples
    ///
    /// ```
    /// use beacon::Service;
    ///
    /// let printer = Service::new("Office Printer", "_ipp._tcp", 631)?;
    /// let next = printer.instance().renamed();
    /// let printer = printer.with_instance(next)?;
    /// assert_eq!(printer.instance().label(), "Office Printer (2)");
    /// # Ok::<(), beacon::Error>(())
    /// ```
    pub fn with_instance(mut self, instance: InstanceName) -> Result<Self, Error> {
        let keeps_type = instance.name().parent().as_ref() == Some(self.service_type.name());
        let fault = if keeps_type {
            let control = label::first_control(&instance.label());
            control.map(|character| InstanceFault::Control { character })
        } else {
            let expected = self.service_type.to_string();
            Some(InstanceFault::OtherType { expected })
        };
        if let Some(fault) = fault {
            let given = instance.to_string();
            return Err(Error::Instance { given, fault });
        }
        self.instance = instance;
        Ok(self)
    }

    fn fault_of(&self, address: IpAddr) -> Option<AddressFault> {
        let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
        let limit = Self::ADDRESSES_MAX;
        if self.host.is_none() {
            Some(AddressFault::WithoutHost)
        } else if address.is_unspecified() {
            Some(AddressFault::Unspecified)
        } else if address.is_multicast() || broadcast {
            Some(AddressFault::Group)
        } else if self.addresses.len() == limit {
            Some(AddressFault::TooMany { limit })
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::Service;
    use crate::dnssd::{InstanceName, ServiceType, TxtProperties};
    use crate::error::{AddressFault, Error, InstanceFault, SubtypeFault, TxtFault};
    use crate::wire::Txt;

    #[test]
    fn a_service_has_a_name_a_type_and_a_port() {
        // 6763-4.1-1
        let service = web();

        assert_eq!(
            service.instance().to_string(),
            "Start Page._http._tcp.local."
        );
        assert_eq!(service.service_type().to_string(), "_http._tcp");
        assert_eq!(service.port(), 80);
        assert_eq!(service.properties(), &TxtProperties::new());
        assert_eq!(service.host_name(), None, "it is on this host");
    }

    #[test]
    fn what_breaks_a_rule_is_refused_with_its_reason() {
        // 6763-7-1, 6763-4.1.1-1, 6763-7.2-1
        let refused = |name, service_type, port| Service::new(name, service_type, port).err();

        assert!(matches!(
            refused("x", "http", 80),
            Some(Error::ServiceType { .. })
        ));
        assert!(matches!(
            refused("x", "_http._tcp.example", 80),
            Some(Error::Domain { .. })
        ));
        assert!(matches!(
            refused("a\nb", "_http._tcp", 80),
            Some(Error::Instance { .. })
        ));
        assert!(matches!(
            refused("x", "_http._tcp", 0),
            Some(Error::PortZero)
        ));
        assert!(matches!(web().host("a.b.local"), Err(Error::Host { .. })));
        let long = ServiceType::lenient("_more-than-15-characters._tcp").unwrap();
        assert!(
            Service::new("x", &long.to_string(), 80).is_err(),
            "to browse for only"
        );
    }

    #[test]
    fn attributes_are_kept_in_the_order_given() {
        // 6763-6.7-2
        let service = web().txt("txtvers", "1").unwrap();
        let service = service.flag("secure").unwrap().txt("id", [0xFF]).unwrap();

        let rdata = service.properties().to_wire();
        assert_eq!(rdata.as_bytes(), b"\x09txtvers=1\x06secure\x04id=\xFF");
        let repeated = service.flag("ID");
        assert!(matches!(
            repeated,
            Err(Error::Txt {
                fault: TxtFault::KeyRepeated,
                ..
            })
        ));
    }

    #[test]
    fn received_attributes_are_published_only_if_they_keep_the_rules() {
        // 6763-6.4-4
        let received = |rdata| TxtProperties::from_wire(&Txt::new(rdata).unwrap());
        let service = web().txt("old", "1").unwrap();

        let good = service.clone().with_properties(&received(b"\x03a=1\x01b"));
        assert_eq!(
            good.unwrap().properties().to_wire().as_bytes(),
            b"\x03a=1\x01b"
        );
        let bad = service.with_properties(&received(b"\x04\xFFa=1"));
        assert!(matches!(
            bad,
            Err(Error::Txt {
                fault: TxtFault::KeyCharacter { .. },
                ..
            })
        ));
    }

    #[test]
    fn a_service_is_of_its_type_once_and_of_each_subtype_once() {
        // 6763-7.1-1
        let service = Service::new("x", "_printer._sub._http._tcp", 80).unwrap();
        let service = service
            .subtype("_PRINTER")
            .unwrap()
            .subtype("_scanner")
            .unwrap();

        assert_eq!(service.instance().to_string(), "x._http._tcp.local.");
        assert_eq!(service.service_type().to_string(), "_http._tcp");
        let subtypes: Vec<_> = service.subtypes().iter().map(ToString::to_string).collect();
        assert_eq!(
            subtypes,
            ["_printer._sub._http._tcp", "_scanner._sub._http._tcp"]
        );
    }

    #[test]
    fn subtypes_have_a_limit() {
        let mut service = web();
        for number in 0..Service::SUBTYPES_MAX {
            service = service.subtype(number.to_string()).unwrap();
        }

        assert!(service.clone().subtype("0").is_ok(), "it is there already");
        let fault = SubtypeFault::TooMany { limit: 32 };
        let refused = service.subtype("one more");
        assert!(matches!(refused, Err(Error::Subtype { fault: it, .. }) if it == fault));
    }

    #[test]
    fn another_host_may_have_addresses() {
        let addresses = [ip("192.0.2.9"), ip("2001:db8::9"), ip("192.0.2.9")];

        let mut service = web().host("Camera").unwrap();
        for address in addresses {
            service = service.address(address).unwrap();
        }

        let host = service.host_name().unwrap().to_string();
        assert_eq!(host, "Camera.local.");
        assert_eq!(service.addresses(), &addresses[..2]);
    }

    #[test]
    fn an_address_is_one_that_a_host_can_have() {
        let proxied = web().host("camera").unwrap();
        for (address, expected) in [
            ("0.0.0.0", AddressFault::Unspecified),
            ("::", AddressFault::Unspecified),
            ("224.0.0.251", AddressFault::Group),
            ("255.255.255.255", AddressFault::Group),
            ("ff02::fb", AddressFault::Group),
        ] {
            assert_eq!(address_fault(&proxied, address), expected, "{address}");
        }
        assert_eq!(
            address_fault(&web(), "192.0.2.9"),
            AddressFault::WithoutHost
        );

        let full = (0..32).fold(proxied, |service, last| {
            service.address(IpAddr::from([192, 0, 2, last])).unwrap()
        });
        let fault = AddressFault::TooMany { limit: 32 };
        assert_eq!(address_fault(&full, "192.0.2.99"), fault);
    }

    #[test]
    fn a_service_changes_its_name_and_not_its_type() {
        // 6763-4.1.1-4, 6762-9-4
        let service = web().subtype("_printer").unwrap();
        let renamed = service.instance().renamed();
        let service = service.with_instance(renamed.clone()).unwrap();

        assert_eq!(service.instance(), &renamed);
        let ftp = InstanceName::new("x", &"_ftp._tcp".parse().unwrap()).unwrap();
        let elsewhere = "x._http._tcp.example.com".parse().unwrap();
        for other in [ftp, elsewhere] {
            let expected = InstanceFault::OtherType {
                expected: "_http._tcp".to_owned(),
            };
            assert_eq!(instance_fault(&service, other), expected);
        }
        let control = r"a\010b._http._tcp.local".parse().unwrap();
        let expected = InstanceFault::Control { character: '\n' };
        assert_eq!(instance_fault(&service, control), expected);
    }

    fn web() -> Service {
        Service::new("Start Page", "_http._tcp", 80).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn address_fault(service: &Service, address: &str) -> AddressFault {
        match service.clone().address(ip(address)) {
            Err(Error::Address { given, fault }) if given == ip(address) => fault,
            other => panic!("{address}: {other:?}"),
        }
    }

    fn instance_fault(service: &Service, instance: InstanceName) -> InstanceFault {
        match service.clone().with_instance(instance) {
            Err(Error::Instance { fault, .. }) => fault,
            other => panic!("{other:?}"),
        }
    }
}
