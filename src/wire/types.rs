//! The numbers of a question or record that are not its name: type, class, time to live.
//!
//! Read [RFC 6762 §18.12](https://www.rfc-editor.org/rfc/rfc6762#section-18.12) and
//! [§18.13](https://www.rfc-editor.org/rfc/rfc6762#section-18.13) first: multicast DNS takes the
//! top bit of a class for itself, so that here a class has fifteen bits.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What kind of rdata a record has, or a question asks for.
///
/// # RFC
///
/// 1035 §3.2.2 (types), §3.2.3 (types of questions), 3597 §5 (how unknown ones are written).
///
/// # Examples
///
/// ```
/// use beacon::wire::RecordType;
///
/// assert_eq!("srv".parse(), Ok(RecordType::SRV));
/// assert_eq!("TYPE33".parse(), Ok(RecordType::SRV));
/// assert_eq!(RecordType(65_400).to_string(), "TYPE65400");
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RecordType(pub u16);

/// Declares the types that have a name: once as constants, once as a table for text.
macro_rules! record_types {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        impl RecordType {
            $($(#[$doc])* pub const $name: RecordType = RecordType($number);)*
        }

        const NAMES: &[(RecordType, &str)] = &[$((RecordType::$name, stringify!($name)),)*];
    };
}

record_types! {
    /// An IPv4 address. RFC 1035 §3.4.1.
    A = 1;
    /// A name server. RFC 1035 §3.3.11.
    NS = 2;
    /// A mail destination; obsolete. RFC 1035 §3.3.4.
    MD = 3;
    /// A mail forwarder; obsolete. RFC 1035 §3.3.5.
    MF = 4;
    /// The name that this one is an alias of. RFC 1035 §3.3.1.
    CNAME = 5;
    /// The start of a zone. RFC 1035 §3.3.13.
    SOA = 6;
    /// A mailbox. RFC 1035 §3.3.3.
    MB = 7;
    /// A mail group. RFC 1035 §3.3.6.
    MG = 8;
    /// A new name for a mailbox. RFC 1035 §3.3.8.
    MR = 9;
    /// A name that this one points to. RFC 1035 §3.3.12.
    PTR = 12;
    /// Processor and operating system. RFC 1035 §3.3.2.
    HINFO = 13;
    /// Who answers for a mailbox. RFC 1035 §3.3.7.
    MINFO = 14;
    /// A mail exchange. RFC 1035 §3.3.9.
    MX = 15;
    /// Strings of text. RFC 1035 §3.3.14, RFC 6763 §6.
    TXT = 16;
    /// A responsible person. RFC 1183 §2.2.
    RP = 17;
    /// An AFS database. RFC 1183 §1.
    AFSDB = 18;
    /// A route through another host. RFC 1183 §3.3.
    RT = 21;
    /// A signature, in multicast DNS that of a transaction. RFC 2931 §3.
    SIG = 24;
    /// An X.400 mail mapping. RFC 2163 §4.
    PX = 26;
    /// An IPv6 address. RFC 3596 §2.1.
    AAAA = 28;
    /// The next name; obsolete. RFC 2535 §5.
    NXT = 30;
    /// Where a service is. RFC 2782.
    SRV = 33;
    /// A rule that rewrites names. RFC 3403 §4.
    NAPTR = 35;
    /// A key exchanger. RFC 2230 §3.
    KX = 36;
    /// Another name for everything below this one. RFC 6672 §2.
    DNAME = 39;
    /// Extensions to the message, in place of a record. RFC 6891 §6.
    OPT = 41;
    /// The fingerprint of an SSH key. RFC 4255 §3.
    SSHFP = 44;
    /// The signature of a set of records. RFC 4034 §3.
    RRSIG = 46;
    /// Which types exist at a name, and so which do not. RFC 4034 §4, RFC 6762 §6.1.
    NSEC = 47;
    /// A public key. RFC 4034 §2.
    DNSKEY = 48;
    /// Where a service is, and how to speak to it. RFC 9460 §2.
    SVCB = 64;
    /// Where a web service is, and how to speak to it. RFC 9460 §9.
    HTTPS = 65;
    /// A key for transactions. RFC 2930 §2.
    TKEY = 249;
    /// The signature of a transaction. RFC 8945 §4.
    TSIG = 250;
    /// Every type; in questions only. RFC 1035 §3.2.3.
    ANY = 255;
    /// Who may issue certificates. RFC 8659 §4.
    CAA = 257;
}

impl RecordType {
    /// Tells whether records of this type answer a question for `question`.
    ///
    /// Those of the type asked for do, and everything answers ANY. An alias answers whatever is
    /// asked, since it holds for all types.
    ///
    /// # RFC
    ///
    /// 6762 §6.
    #[must_use]
    pub fn matches(self, question: RecordType) -> bool {
        self == question || question == RecordType::ANY || self == RecordType::CNAME
    }

    /// Tells whether records of this type speak of the message they are in, not of their name.
    ///
    /// Those are OPT, TSIG, TKEY and SIG(0); they are never cached.
    ///
    /// # RFC
    ///
    /// 6762 §10.2.
    #[must_use]
    pub fn is_pseudo(self) -> bool {
        matches!(
            self,
            RecordType::OPT | RecordType::TSIG | RecordType::TKEY | RecordType::SIG
        )
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(record_type, _)| record_type == self) {
            Some((_, name)) => f.pad(name),
            None => f.pad(&format!("TYPE{}", self.0)),
        }
    }
}

impl fmt::Debug for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RecordType {
    type Err = UnknownRecordType;

    /// Reads a type's name in any case, or `TYPE` and its number.
    fn from_str(text: &str) -> Result<RecordType, UnknownRecordType> {
        let named = NAMES
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(text));
        if let Some((record_type, _)) = named {
            return Ok(*record_type);
        }
        let number = match text.split_at_checked(4) {
            Some((prefix, number)) if prefix.eq_ignore_ascii_case("TYPE") => number,
            _ => return Err(UnknownRecordType),
        };
        // `parse` alone would take a sign.
        if !number.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(UnknownRecordType);
        }
        number
            .parse()
            .map(RecordType)
            .map_err(|_| UnknownRecordType)
    }
}

/// A text names no record type.
///
/// # Examples
///
/// ```
/// use beacon::wire::RecordType;
///
/// let error = "PRT".parse::<RecordType>().unwrap_err();
/// assert_eq!(error.to_string(), "no record type has this name: write TYPE and its number");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownRecordType;

impl fmt::Display for UnknownRecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no record type has this name: write TYPE and its number")
    }
}

impl Error for UnknownRecordType {}

/// Which world of names a record belongs to; in practice the Internet.
///
/// The top bit is not part of it: in a question that asks for a unicast response, in a record it
/// flushes caches. Only the payload size that OPT writes in this place uses all sixteen bits.
///
/// # RFC
///
/// 1035 §3.2.4, 6762 §18.12, §18.13.
///
/// # Examples
///
/// ```
/// use beacon::wire::Class;
///
/// assert!(Class::IN.matches(Class::ANY));
/// assert_eq!(Class::IN.to_string(), "IN");
/// assert_eq!(Class(7).to_string(), "CLASS7");
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Class(pub u16);

impl Class {
    /// The Internet. RFC 1035 §3.2.4.
    pub const IN: Class = Class(1);
    /// Every class; in questions only. RFC 1035 §3.2.5.
    pub const ANY: Class = Class(255);

    /// Tells whether records of this class answer a question for `question`.
    ///
    /// # RFC
    ///
    /// 6762 §6.
    #[must_use]
    pub fn matches(self, question: Class) -> bool {
        self == question || question == Class::ANY
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Class::IN => f.pad("IN"),
            Class::ANY => f.pad("ANY"),
            Class(number) => f.pad(&format!("CLASS{number}")),
        }
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How long a record may be used, in seconds, as its owner sent it. Zero is a goodbye.
///
/// # RFC
///
/// 6762 §10 (time to live), §10.1 (goodbye).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use beacon::wire::Ttl;
///
/// assert_eq!(Ttl(120).as_duration(), Duration::from_secs(120));
/// assert!(Ttl::ZERO < Ttl(1));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ttl(pub u32);

impl Ttl {
    /// A goodbye. RFC 6762 §10.1.
    pub const ZERO: Ttl = Ttl(0);

    /// Returns the time as a duration.
    #[must_use]
    pub fn as_duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}

/// The bit above a class. RFC 6762 §18.12, §18.13.
pub(super) const TOP_BIT: u16 = 0x8000;

#[cfg(test)]
mod tests {
    use super::{Class, NAMES, RecordType, Ttl, UnknownRecordType};

    #[test]
    fn a_type_that_is_printed_is_read_back() {
        for number in (0..300).chain([65_280, 65_535]) {
            let record_type = RecordType(number);
            assert_eq!(record_type.to_string().parse(), Ok(record_type));
            assert_eq!(format!("type{number}").parse(), Ok(record_type));
        }
    }

    #[test]
    fn no_two_types_share_a_number() {
        assert!(NAMES.is_sorted_by(|(before, _), (after, _)| before < after));
    }

    #[test]
    fn texts_that_name_no_type_are_refused() {
        for text in [
            "",
            "TYPE",
            "TYPE65536",
            "TYPE+1",
            "TYPE-1",
            "TYPE1 ",
            "AA",
            "ÄÄTYPE1",
        ] {
            assert_eq!(
                text.parse::<RecordType>(),
                Err(UnknownRecordType),
                "{text:?}"
            );
        }
    }

    #[test]
    fn any_is_answered_by_all_and_an_alias_answers_all() {
        assert!(RecordType::A.matches(RecordType::A));
        assert!(RecordType::A.matches(RecordType::ANY));
        assert!(RecordType::CNAME.matches(RecordType::A));
        assert!(!RecordType::A.matches(RecordType::AAAA));
        assert!(!RecordType::ANY.matches(RecordType::A));
        assert!(Class::IN.matches(Class::IN) && Class::IN.matches(Class::ANY));
        assert!(!Class(3).matches(Class::IN));
    }

    #[test]
    fn pseudo_records_are_those_that_are_never_cached() {
        // 6762-10.2-9
        let pseudo = NAMES
            .iter()
            .filter(|(record_type, _)| record_type.is_pseudo());
        let names: Vec<_> = pseudo.map(|(_, name)| *name).collect();

        assert_eq!(names, ["SIG", "OPT", "TKEY", "TSIG"]);
    }

    #[test]
    fn a_number_stands_for_a_type_behind_its_word_alone() {
        assert_eq!("type65".parse(), Ok(RecordType(65)));
        for text in ["kind65", "TYPE", "TYPE+1", "65"] {
            assert!(text.parse::<RecordType>().is_err(), "{text}");
        }
        assert_eq!(Ttl(4500).to_string(), "4500 s");
    }

    #[test]
    fn a_width_is_kept_when_types_are_printed() {
        assert_eq!(
            format!("{:>6}|{:<4}|", RecordType::A, Class::IN),
            "     A|IN  |"
        );
    }
}
