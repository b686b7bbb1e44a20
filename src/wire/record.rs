//! Questions and records, owned.
//!
//! Read [RFC 6762 §18.12](https://www.rfc-editor.org/rfc/rfc6762#section-18.12) and
//! [§18.13](https://www.rfc-editor.org/rfc/rfc6762#section-18.13) first: the top bit of a class
//! asks for a unicast response in a question, and flushes caches in a record.
//!
//! Not here: those still in a message ([`record_ref`](super::record_ref)).

use crate::wire::name::Name;
use crate::wire::rdata::Rdata;
use crate::wire::types::{Class, RecordType, Ttl};

/// What a query asks.
///
/// # RFC
///
/// 1035 §4.1.2, 6762 §5.4 (the bit QU).
///
/// # Examples
///
/// ```
/// use beacon::wire::{Class, Question, RecordType};
///
/// let question = Question {
///     name: "_http._tcp.local".parse()?,
///     record_type: RecordType::PTR,
///     class: Class::IN,
///     unicast: false,
/// };
/// assert_eq!(question, Question::new(question.name.clone(), RecordType::PTR));
/// # Ok::<(), beacon::wire::NameError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Question {
    /// Whose records are asked for.
    pub name: Name,
    /// Which of them; ANY for all.
    pub record_type: RecordType,
    /// Of which class; in practice IN.
    pub class: Class,
    /// The bit QU: whether a unicast response is welcome.
    pub unicast: bool,
}

impl Question {
    /// Returns a question of class IN that asks for a multicast response.
    #[must_use]
    pub fn new(name: Name, record_type: RecordType) -> Question {
        Question {
            name,
            record_type,
            class: Class::IN,
            unicast: false,
        }
    }
}

/// One fact about a name.
///
/// Equality takes in every field; [`same_record`](Record::same_record) asks whether two state the
/// same fact.
///
/// # RFC
///
/// 1035 §4.1.3, 6762 §10.2 (cache flush).
///
/// # Examples
///
/// ```
/// use beacon::wire::{Class, Rdata, Record, RecordType, Ttl};
///
/// let record = Record::new("nas.local".parse()?, Ttl(120), Rdata::A([192, 0, 2, 9].into()));
/// assert_eq!(record.record_type(), RecordType::A);
/// assert_eq!((record.class, record.cache_flush), (Class::IN, false));
///
/// let flushing = Record { cache_flush: true, ttl: Ttl::ZERO, ..record.clone() };
/// assert!(flushing.same_record(&record));
/// # Ok::<(), beacon::wire::NameError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Record {
    /// Whom it is about.
    pub name: Name,
    /// Its class; in practice IN. For OPT, the payload size.
    pub class: Class,
    /// Whether records of this name, type and class that the sender did not repeat are outdated.
    pub cache_flush: bool,
    /// How long it holds.
    pub ttl: Ttl,
    /// What it says.
    pub rdata: Rdata,
}

impl Record {
    /// Returns a record of class IN that does not flush caches.
    #[must_use]
    pub fn new(name: Name, ttl: Ttl, rdata: Rdata) -> Record {
        Record {
            name,
            class: Class::IN,
            cache_flush: false,
            ttl,
            rdata,
        }
    }

    /// Returns the type, which the rdata decides.
    #[must_use]
    pub fn record_type(&self) -> RecordType {
        self.rdata.record_type()
    }

    /// Tells whether both state the same fact: name, type, class and rdata are equal.
    ///
    /// # RFC
    ///
    /// 6762 §10.2: neither the cache-flush bit nor the time to live is part of what a record says.
    #[must_use]
    pub fn same_record(&self, other: &Record) -> bool {
        self.class == other.class && self.rdata == other.rdata && self.name == other.name
    }
}

/// Where in a message a record stands.
///
/// # RFC
///
/// 1035 §4.1.
///
/// # Examples
///
/// ```
/// use beacon::wire::Section;
///
/// assert!(Section::Answer < Section::Additional);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Section {
    /// What was asked for; in a query, what is known already.
    Answer,
    /// In a probe, what the sender is about to claim. RFC 6762 §8.2.
    Authority,
    /// What the receiver will want next.
    Additional,
}

impl Section {
    /// The sections in the order in which they stand in a message.
    pub(super) const ALL: [Section; 3] = [Section::Answer, Section::Authority, Section::Additional];
}

#[cfg(test)]
mod tests {
    use super::Record;
    use crate::wire::rdata::Rdata;
    use crate::wire::types::{Class, Ttl};

    fn address(name: &str, last: u8) -> Record {
        Record::new(
            name.parse().unwrap(),
            Ttl(120),
            Rdata::A([192, 0, 2, last].into()),
        )
    }

    #[test]
    fn the_same_record_has_the_same_name_type_class_and_rdata() {
        // 6762-10.2-8
        let record = address("nas.local", 1);
        let refreshed = Record {
            ttl: Ttl(9),
            cache_flush: true,
            ..address("NAS.local", 1)
        };
        let chaos = Record {
            class: Class(3),
            ..record.clone()
        };

        assert!(record.same_record(&refreshed) && record != refreshed);
        assert!(!record.same_record(&address("nas.local", 2)));
        assert!(!record.same_record(&address("nas2.local", 1)));
        assert!(!record.same_record(&chaos));
    }
}
