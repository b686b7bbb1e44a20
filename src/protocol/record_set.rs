//! Records of any kind that a user publishes.

use std::ops::RangeInclusive;

use crate::error::Error;
use crate::error::RecordFault;
use crate::protocol::link::FRAGMENTED_BYTES_MAX;
use crate::protocol::zone::Draft;
use crate::protocol::zone::HOST_TTL;
use crate::protocol::zone::OTHER_TTL;
use crate::protocol::zone::Ownership;
use crate::wire::Name;
use crate::wire::Rdata;
use crate::wire::Record;
use crate::wire::RecordType;
use crate::wire::Ttl;

/// Records of any types at one name, to be published as they are.
///
/// *Unique* ones are ours alone: their name is probed for, and if another host has it they are not
/// published, since there is no next name to take. *Shared* ones others may hold as well: they are
/// announced at once, and every holder answers. RFC 6762 §2.
///
/// Their time to live is what RFC 6762 §10 recommends, unless said otherwise: 120 seconds if one of
/// them tells of a host, and 75 minutes if none does.
///
/// # Examples
///
/// ```
/// use beacon::RecordSet;
/// use beacon::wire::{Rdata, Ttl};
///
/// let alias = RecordSet::unique("files.local".parse()?)?
///     .with(Rdata::A([192, 0, 2, 7].into()))?
///     .ttl(Ttl(60))?;
/// assert_eq!(alias.records().count(), 1);
///
/// let elsewhere = RecordSet::unique("files.example.com".parse()?);
/// assert!(elsewhere.is_err(), "multicast DNS serves `local` alone");
/// # Ok::<(), beacon::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RecordSet {
    name: Name,
    unique: bool,
    ttl: Option<Ttl>,
    rdata: Vec<Rdata>,
}

impl RecordSet {
    /// Begins a set that is ours alone.
    ///
    /// # Errors
    ///
    /// [`Error::Domain`] for a name that is not under `local`.
    pub fn unique(name: Name) -> Result<Self, Error> {
        Self::new(name, true)
    }

    /// Begins a set that others may add to.
    ///
    /// # Errors
    ///
    /// [`Error::Domain`] for a name that is not under `local`.
    pub fn shared(name: Name) -> Result<Self, Error> {
        Self::new(name, false)
    }

    fn new(name: Name, unique: bool) -> Result<Self, Error> {
        let local = Name::from_labels(["local"]).expect("one short label");
        if !name.ends_with(&local) || name == local {
            return Err(Error::Domain {
                given: name.to_string(),
            });
        }
        Ok(Self {
            name,
            unique,
            ttl: None,
            rdata: Vec::new(),
        })
    }

    /// Adds a record; one that says the same as another is there once.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] for an NSEC, which is made of what there is; for a type that no record
    /// has, such as ANY; for one that no packet can carry; and for more than
    /// [`RECORDS_MAX`](Self::RECORDS_MAX).
    pub fn with(mut self, rdata: Rdata) -> Result<Self, Error> {
        let record_type = rdata.record_type();
        let is_meta = QUESTION_TYPES.contains(&record_type.0) || record_type.is_pseudo();
        if record_type == RecordType::NSEC || is_meta {
            return Err(self.refuse(RecordFault::Type { record_type }));
        }
        let mut written = Vec::new();
        rdata.write_uncompressed(&mut written);
        let bytes = HEADER_BYTES + self.name.as_bytes().len() + FIELDS_BYTES + written.len();
        if bytes > FRAGMENTED_BYTES_MAX {
            let limit = FRAGMENTED_BYTES_MAX;
            return Err(self.refuse(RecordFault::TooLarge { bytes, limit }));
        }
        if !self.rdata.contains(&rdata) {
            if self.rdata.len() == Self::RECORDS_MAX {
                let limit = Self::RECORDS_MAX;
                return Err(self.refuse(RecordFault::TooMany { limit }));
            }
            self.rdata.push(rdata);
        }
        Ok(self)
    }

    /// Sets the time to live of all of them, as RFC 2181 §5.2 wants it.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] for zero, which takes a record back.
    pub fn ttl(mut self, ttl: Ttl) -> Result<Self, Error> {
        if ttl == Ttl::ZERO {
            return Err(self.refuse(RecordFault::TtlZero));
        }
        self.ttl = Some(ttl);
        Ok(self)
    }

    /// Returns the name that all of them have.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Tells whether they are ours alone.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        self.unique
    }

    /// Returns the records as they are published, without the cache-flush bit.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let ttl = self.ttl.unwrap_or_else(|| self.usual_ttl());
        let rdata = self.rdata.iter().cloned();
        rdata.map(move |rdata| Record::new(self.name.clone(), ttl, rdata))
    }

    /// Most records of one set.
    pub const RECORDS_MAX: usize = 256;

    /// Returns them as they stand on a link.
    pub(crate) fn drafts(&self) -> Vec<Draft> {
        let drafts = self.records().map(|record| Draft {
            record,
            ownership: match self.unique {
                true => Ownership::Unique,
                false => Ownership::Shared,
            },
            gate: self.unique.then(|| self.name.clone()),
        });
        drafts.collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rdata.is_empty()
    }

    pub(crate) fn refuse(&self, fault: RecordFault) -> Error {
        let name = self.name.to_string();
        Error::Record { name, fault }
    }

    fn usual_ttl(&self) -> Ttl {
        let tells_of_host = |rdata: &Rdata| {
            matches!(
                rdata,
                Rdata::A(_) | Rdata::Aaaa(_) | Rdata::Srv(_) | Rdata::Hinfo(_)
            )
        };
        match self.rdata.iter().any(tells_of_host) {
            true => HOST_TTL,
            false => OTHER_TTL,
        }
    }
}

/// Types that are asked for, or that speak of a message, and that no name has. RFC 6895 §3.1.
const QUESTION_TYPES: RangeInclusive<u16> = 128..=255;

/// What every message begins with. RFC 1035 §4.1.1.
const HEADER_BYTES: usize = 12;

/// Type, class, time to live and length of a record. RFC 1035 §4.1.3.
const FIELDS_BYTES: usize = 10;
