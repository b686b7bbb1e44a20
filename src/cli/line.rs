//! What the verbs have to say.

use std::net::IpAddr;

use beacon::Address;
use beacon::HostName;
use beacon::Instance;
use beacon::InstanceName;
use beacon::Interface;
use beacon::ServiceType;
use beacon::Sighting;
use beacon::wire::Name;
use beacon::wire::Record;
use beacon::wire::RecordType;

use crate::cli::doctor::Finding;
use crate::cli::json;
use crate::cli::plan::Format;
use crate::cli::text;
use crate::cli::watch::Written;

/// One event, as it is written to standard output.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Line<'e> {
    /// An instance is there.
    Found(&'e Sighting),
    /// It is known how to reach an instance.
    Resolved(&'e Instance),
    /// An instance is gone.
    Removed(&'e Sighting),
    /// A name of ours is being probed for.
    Probing(&'e InstanceName),
    /// Somebody else has the name; we take another.
    Renamed {
        from: &'e InstanceName,
        to: &'e InstanceName,
    },
    /// Somebody else has the name of the host that ours are on; it takes another.
    HostRenamed {
        from: &'e HostName,
        to: &'e HostName,
    },
    /// For a minute no name was found for ours that is free; the search goes on.
    Overdue(&'e InstanceName),
    /// A name of ours was announced.
    Announced(&'e InstanceName),
    /// A name of ours was given up, and the link was told.
    Goodbye(&'e InstanceName),
    /// An address of a host.
    Address(&'e HostName, &'e Address),
    /// Who has an address.
    Host(IpAddr, &'e Name, &'e Interface),
    /// There are services of a type.
    TypeFound(&'e ServiceType, &'e Interface),
    /// Nobody offers a type any more.
    TypeRemoved(&'e ServiceType, &'e Interface),
    /// A record is there.
    Record(&'e Record, &'e Interface),
    /// A record is gone.
    RecordRemoved(&'e Record, &'e Interface),
    /// The owner of a name says that it has no record of a type.
    Denied(&'e Name, RecordType, &'e Interface),
    /// Where browsers find us.
    Listening(&'e str),
    /// Something about this machine.
    Finding(&'e Finding),
    /// A file was written.
    Written(&'e Written),
}

impl Line<'_> {
    /// Writes it out, without the end of the line.
    pub(crate) fn write(self, format: Format) -> String {
        match format {
            Format::Json => json::write(self),
            Format::Text => text::write(self),
        }
    }
}

/// Writes an address so that it can be used: a link-local one needs its interface.
pub(crate) fn address_on(address: IpAddr, interface: &Interface) -> String {
    let interface = interface.clone();
    Address { address, interface }.to_string()
}
