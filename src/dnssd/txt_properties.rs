//! The attributes of a service: `key=value` pairs in the strings of a TXT record.
//!
//! Read [RFC 6763 §6](https://www.rfc-editor.org/rfc/rfc6763#section-6) first.
//!
//! What a program publishes is held to every rule; of what is received, the strings that break
//! one are passed over and the others used.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use crate::error::Error;
use crate::error::TxtFault;
use crate::wire::MESSAGE_BYTES_MAX;
use crate::wire::Strings;
use crate::wire::Txt;

/// The attributes of a service, in the order in which they were given or sent.
///
/// Holding one proves that every key occurs once, in letters of any case, and that the whole can
/// be read as the strings of a TXT record. Values are bytes: they are sent as they are, without
/// quotes, and are never trimmed. Host and port have a record of their own; do not repeat them
/// here.
///
/// Attributes are multicast to every host on the link: keep keys to nine characters, and the
/// record under 200 bytes if you can ([`bytes_len`](Self::bytes_len)), under
/// [`BYTES_ADVISED`](Self::BYTES_ADVISED) at all events.
///
/// # RFC
///
/// 6763 §6.1 (strings), §6.2 (size), §6.4 (keys), §6.5 (values).
///
/// # Examples
///
/// ```
/// use beacon::{Property, TxtProperties};
///
/// let mut printer = TxtProperties::new();
/// printer.insert("txtvers", Some(b"1"))?;
/// printer.insert("rp", Some(b"ipp/print"))?;
/// printer.insert("Color", None)?;
///
/// assert_eq!(printer.get("RP").text(), Some("ipp/print"));
/// assert_eq!(printer.get("color"), Property::Flag);
/// assert_eq!(printer.get("Duplex"), Property::Absent);
/// assert!(printer.insert("color", Some(b"4")).is_err(), "it is there already");
/// # Ok::<(), beacon::Error>(())
/// ```
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct TxtProperties {
    /// The strings one after the other, each behind a byte that says how long it is. None is
    /// empty, none begins with `=`, no two have the same key.
    strings: Vec<u8>,
}

impl TxtProperties {
    /// Largest record that may be published, in bytes.
    ///
    /// A probe carries the question, the SRV record and this one in one packet of 9,000 bytes,
    /// however long their names are.
    ///
    /// # RFC
    ///
    /// 6762 §17 (9,000 bytes), §8.2 (all in one probe); 6763 §6.1 ("about 8900 bytes").
    pub const BYTES_MAX: usize = 8_700;

    /// Largest record that fits into one packet on an Ethernet, in bytes. RFC 6763 §6.2.
    pub const BYTES_ADVISED: usize = 1_300;

    /// Largest string, in bytes: key, `=` and value together. RFC 6763 §6.1.
    pub const STRING_BYTES_MAX: usize = Txt::STRING_BYTES_MAX;

    /// Starts without any attribute.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            strings: Vec::new(),
        }
    }

    /// Reads the attributes of a record received from the network.
    ///
    /// Strings that are empty or begin with `=` are passed over, and of those with one key all
    /// but the first. Keys may have any bytes.
    ///
    /// # RFC
    ///
    /// 6763 §6.4 (missing and repeated keys).
    #[must_use]
    pub fn from_wire(txt: &Txt) -> Self {
        let mut seen = BTreeSet::new();
        let mut properties = Self::new();
        for string in txt.strings() {
            let key = split(string).0;
            if !key.is_empty() && seen.insert(key.to_ascii_lowercase()) {
                properties.push(string);
            }
        }
        properties
    }

    /// Adds an attribute behind the others; without a value it is a flag, present or not.
    ///
    /// `Some(b"")` is an empty value and differs from `None`. By custom `txtvers` comes first.
    ///
    /// # RFC
    ///
    /// 6763 §6.4, §6.5, §6.7.
    ///
    /// # Errors
    ///
    /// [`Error::Txt`] if the key is empty, there already, or not printable ASCII without `=`; if
    /// the string exceeds [`STRING_BYTES_MAX`](Self::STRING_BYTES_MAX) or the record
    /// [`BYTES_MAX`](Self::BYTES_MAX).
    pub fn insert(&mut self, key: &str, value: Option<&[u8]>) -> Result<(), Error> {
        let refuse = |fault| Error::Txt {
            key: key.to_owned(),
            fault,
        };
        check_key(key).map_err(refuse)?;
        if self.get(key).is_present() {
            return Err(refuse(TxtFault::KeyRepeated));
        }
        let string = join(key, value);
        let (bytes, limit) = (string.len(), Self::STRING_BYTES_MAX);
        if bytes > limit {
            return Err(refuse(TxtFault::TooLong { bytes, limit }));
        }
        let (bytes, limit) = (self.strings.len() + 1 + string.len(), Self::BYTES_MAX);
        if bytes > limit {
            return Err(refuse(TxtFault::RecordTooLong { bytes, limit }));
        }
        self.push(&string);
        Ok(())
    }

    /// Looks an attribute up by its key, in letters of any case.
    ///
    /// # RFC
    ///
    /// 6763 §6.4 (the four results).
    #[must_use]
    pub fn get(&self, key: &str) -> Property<'_> {
        let found = self
            .strings()
            .map(split)
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(key.as_bytes()));
        match found {
            None => Property::Absent,
            Some((_, None)) => Property::Flag,
            Some((_, Some([]))) => Property::Empty,
            Some((_, Some(value))) => Property::Value(value),
        }
    }

    /// Returns keys and values in order; a key is spelled as it was given or sent, and a flag has
    /// no value.
    #[must_use]
    pub fn iter(&self) -> TxtIter<'_> {
        TxtIter {
            strings: self.strings(),
        }
    }

    /// Returns how many attributes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.strings().count()
    }

    /// Tells whether there is no attribute.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.strings.is_empty()
    }

    /// Returns how many bytes the record has: at least one.
    #[must_use]
    pub fn bytes_len(&self) -> usize {
        self.strings.len().max(1)
    }

    /// Returns the record to publish; without attributes it holds one empty string.
    ///
    /// # RFC
    ///
    /// 6763 §6.1 (a TXT record is never of zero length).
    #[must_use]
    pub fn to_wire(&self) -> Txt {
        sent(&self.strings)
    }

    fn strings(&self) -> Strings<'_> {
        Strings::new(&self.strings)
    }

    fn push(&mut self, string: &[u8]) {
        let length = u8::try_from(string.len()).expect("a string has at most 255 bytes");
        self.strings.push(length);
        self.strings.extend_from_slice(string);
    }
}

impl fmt::Debug for TxtProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let pairs = self.iter().map(|(key, value)| (key, value.map(text)));
        f.debug_map().entries(pairs).finish()
    }
}

impl<'t> IntoIterator for &'t TxtProperties {
    type Item = (Cow<'t, str>, Option<&'t [u8]>);
    type IntoIter = TxtIter<'t>;

    fn into_iter(self) -> TxtIter<'t> {
        self.iter()
    }
}

/// What a TXT record says about one key: nothing, or one of three things.
///
/// What each of them means is for the type of service to define; often a flag is "yes", and an
/// absent key "no" or "unknown".
///
/// # RFC
///
/// 6763 §6.4.
///
/// # Examples
///
/// ```
/// use beacon::{Property, Service};
///
/// let printer = Service::new("Office Printer", "_ipp._tcp", 631)?
///     .flag("passreq")?
///     .txt("PlugIns", "")?
///     .txt("paper", "A4")?;
/// let txt = printer.properties();
///
/// assert_eq!(txt.get("passreq"), Property::Flag);
/// assert_eq!(txt.get("PlugIns"), Property::Empty);
/// assert_eq!(txt.get("paper"), Property::Value(b"A4"));
/// assert_eq!(txt.get("color"), Property::Absent);
/// # Ok::<(), beacon::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Property<'t> {
    /// The key does not occur.
    Absent,
    /// The key occurs without `=`.
    Flag,
    /// The key occurs with `=` and nothing behind it.
    Empty,
    /// The key occurs with a value of one byte or more.
    Value(&'t [u8]),
}

impl<'t> Property<'t> {
    /// Tells whether the key occurs at all.
    #[must_use]
    pub fn is_present(self) -> bool {
        self != Self::Absent
    }

    /// Returns the value, which may be empty; `None` if there is no `=`.
    #[must_use]
    pub fn bytes(self) -> Option<&'t [u8]> {
        match self {
            Self::Absent | Self::Flag => None,
            Self::Empty => Some(&[]),
            Self::Value(value) => Some(value),
        }
    }

    /// Returns the value if there is one and it is UTF-8.
    #[must_use]
    pub fn text(self) -> Option<&'t str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}

/// The attributes of a TXT record one after the other: made by [`TxtProperties::iter`].
///
/// # Examples
///
/// ```
/// use beacon::TxtProperties;
///
/// let mut txt = TxtProperties::new();
/// txt.insert("path", Some(b"/a=b"))?;
/// txt.insert("secure", None)?;
///
/// let mut attributes = txt.iter();
/// assert_eq!(attributes.next(), Some(("path".into(), Some(&b"/a=b"[..]))));
/// assert_eq!(attributes.next(), Some(("secure".into(), None)));
/// assert_eq!(attributes.next(), None);
/// # Ok::<(), beacon::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TxtIter<'t> {
    strings: Strings<'t>,
}

impl<'t> Iterator for TxtIter<'t> {
    type Item = (Cow<'t, str>, Option<&'t [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = split(self.strings.next()?);
        Some((String::from_utf8_lossy(key), value))
    }
}

/// Turns strings into rdata; where there are none, that holds one empty string.
fn sent(strings: &[u8]) -> Txt {
    Txt::new(strings).expect("strings are kept behind their lengths")
}

/// Splits a string at its first `=`, which belongs to neither part. RFC 6763 §6.3.
fn split(string: &[u8]) -> (&[u8], Option<&[u8]>) {
    match string.iter().position(|&byte| byte == b'=') {
        Some(at) => (&string[..at], Some(&string[at + 1..])),
        None => (string, None),
    }
}

fn join(key: &str, value: Option<&[u8]>) -> Vec<u8> {
    let mut string = key.as_bytes().to_vec();
    if let Some(value) = value {
        string.push(b'=');
        string.extend_from_slice(value);
    }
    string
}

/// Refuses a key that may not be published. RFC 6763 §6.4.
fn check_key(key: &str) -> Result<(), TxtFault> {
    let allowed = |character: char| matches!(character, ' '..='~') && character != '=';
    match key.chars().find(|&character| !allowed(character)) {
        Some(character) => Err(TxtFault::KeyCharacter { character }),
        None if key.is_empty() => Err(TxtFault::KeyEmpty),
        None => Ok(()),
    }
}

/// What a probe holds besides the bytes of its TXT record, all names as long as they can be: the
/// headers of IPv6, UDP and DNS, the question, the SRV record, the TXT record's own header.
const PROBE_BYTES: usize = 40 + 8 + 12 + (93 + 4) + (2 + 10 + 6 + 71) + (2 + 10);
// A service that can be registered can be probed for.
const _: () = assert!(PROBE_BYTES + TxtProperties::BYTES_MAX <= MESSAGE_BYTES_MAX);

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::{prop_assert_eq, proptest};

    use super::{Property, TxtProperties};
    use crate::error::{Error, TxtFault};
    use crate::wire::Txt;

    #[test]
    fn no_attributes_are_one_empty_string() {
        // 6763-6.1-1
        let empty = TxtProperties::new();
        assert_eq!(empty.to_wire().as_bytes(), [0]);
        assert_eq!(empty.bytes_len(), 1);
    }

    #[test]
    fn a_zero_byte_and_no_byte_say_the_same() {
        // 6763-6.1-2
        for rdata in [&b""[..], b"\0", b"\0\0"] {
            let properties = read(rdata);
            assert!(properties.is_empty());
            assert_eq!(properties, TxtProperties::new());
        }
    }

    #[test]
    fn empty_strings_are_passed_over() {
        // 6763-6.1-3
        assert_eq!(
            pairs(&read(b"\x03a=b\0\x01c")),
            [attribute("a", "b"), flag("c")]
        );
    }

    #[test]
    fn the_first_equals_sign_ends_the_key() {
        // 6763-6.3-1
        let properties = read(b"\x05a=b=c");
        assert_eq!(properties.get("a"), Property::Value(b"b=c"));
    }

    #[test]
    fn a_string_without_a_key_is_passed_over() {
        // 6763-6.4-2
        assert_eq!(pairs(&read(b"\x02=x\x01=\x03a=1")), [attribute("a", "1")]);
    }

    #[test]
    fn a_key_to_publish_is_printable_ascii_without_equals_sign() {
        // 6763-6.4-1, 6763-6.4-4
        assert_eq!(fault("", b"x"), TxtFault::KeyEmpty);
        for character in ['=', '\x1F', '\x7F', '\n', '\u{e4}'] {
            let key = format!("a{character}b");
            assert_eq!(fault(&key, b"x"), TxtFault::KeyCharacter { character });
        }
        assert!(TxtProperties::new().insert(" !~", None).is_ok());
    }

    #[test]
    fn a_received_key_may_have_any_bytes() {
        // 6763-6.4-4
        let properties = read(b"\x05\xC3\xA4\x01=1\x02\xFF\0");
        assert_eq!(
            pairs(&properties),
            [attribute("\u{e4}\x01", "1"), flag("\u{fffd}\0")]
        );
        assert_eq!(properties.get("\u{e4}\x01").text(), Some("1"));
    }

    #[test]
    fn a_space_in_a_key_counts() {
        // 6763-6.4-5
        let properties = read(b"\x04a =1\x03a=2");
        assert_eq!(properties.get("a ").text(), Some("1"));
        assert_eq!(properties.get("a").text(), Some("2"));
    }

    #[test]
    fn a_key_is_found_in_any_case_and_shown_in_its_own() {
        // 6763-6.4-6
        let properties = read(b"\x0cpapersize=A4");
        assert_eq!(properties.get("PaperSize").text(), Some("A4"));
        assert_eq!(pairs(&properties), [attribute("papersize", "A4")]);
    }

    #[test]
    fn absent_flag_empty_and_value_are_four_things() {
        // 6763-6.4-7
        let mut properties = TxtProperties::new();
        properties.insert("passreq", None).unwrap();
        properties.insert("PlugIns", Some(b"")).unwrap();
        properties.insert("x", Some(b"1")).unwrap();

        let wire = properties.to_wire();
        assert_eq!(wire.as_bytes(), b"\x07passreq\x08PlugIns=\x03x=1");
        let again = TxtProperties::from_wire(&wire);
        assert_eq!(again.get("passreq"), Property::Flag);
        assert_eq!(again.get("plugins"), Property::Empty);
        assert_eq!(again.get("x"), Property::Value(b"1"));
        assert_eq!(again.get("y"), Property::Absent);
    }

    #[test]
    fn only_a_value_that_is_there_has_bytes() {
        let all = [
            Property::Absent,
            Property::Flag,
            Property::Empty,
            Property::Value(b"\xFF"),
        ];

        assert_eq!(all.map(Property::is_present), [false, true, true, true]);
        assert_eq!(
            all.map(Property::bytes),
            [None, None, Some(&b""[..]), Some(b"\xFF")]
        );
        assert_eq!(all.map(Property::text), [None, None, Some(""), None]);
    }

    #[test]
    fn a_key_is_published_once() {
        // 6763-6.4-8
        let mut properties = TxtProperties::new();
        properties.insert("Path", Some(b"/")).unwrap();

        let error = properties.insert("path", None).unwrap_err();
        assert!(matches!(
            error,
            Error::Txt {
                fault: TxtFault::KeyRepeated,
                ..
            }
        ));
        assert_eq!(properties.to_wire().as_bytes(), b"\x06Path=/");
    }

    #[test]
    fn of_repeated_keys_the_first_counts() {
        // 6763-6.4-9
        let properties = read(b"\x08path=one\x08Path=two\x04PaTh");
        assert_eq!(pairs(&properties), [attribute("path", "one")]);
        assert_eq!(properties.len(), 1);
    }

    #[test]
    fn a_value_is_sent_without_quotes_and_with_its_spaces() {
        // 6763-6.5-2
        let mut properties = TxtProperties::new();
        properties.insert("k", Some(b" x")).unwrap();

        assert_eq!(properties.to_wire().as_bytes(), b"\x04k= x");
        assert_eq!(read(b"\x05k=\"x\"").get("k").text(), Some("\"x\""));
    }

    #[test]
    fn attributes_keep_their_order() {
        // 6763-6.7-2
        let mut properties = TxtProperties::new();
        for key in ["txtvers", "b", "a"] {
            properties.insert(key, Some(b"1")).unwrap();
        }

        let keys: Vec<_> = properties.iter().map(|(key, _)| key.into_owned()).collect();
        assert_eq!(keys, ["txtvers", "b", "a"]);
        assert_eq!(
            properties.to_wire().as_bytes(),
            b"\x09txtvers=1\x03b=1\x03a=1"
        );
    }

    #[test]
    fn a_string_has_at_most_255_bytes() {
        // 6763-6.1-3, 1035-3.3.14-1
        assert!(TxtProperties::new().insert("k", Some(&[0; 253])).is_ok());
        assert_eq!(
            fault("k", &[0; 254]),
            TxtFault::TooLong {
                bytes: 256,
                limit: 255
            }
        );
        assert!(TxtProperties::new().insert(&"k".repeat(255), None).is_ok());
    }

    #[test]
    fn a_record_that_no_probe_can_carry_is_refused() {
        // 6763-6.2-1
        let mut properties = TxtProperties::new();
        let mut refused = None;
        for key in 1000..1100 {
            refused = properties.insert(&key.to_string(), Some(&[0; 250])).err();
            if refused.is_some() {
                break;
            }
        }

        let limit = TxtProperties::BYTES_MAX;
        let expected = TxtFault::RecordTooLong {
            bytes: 34 * 256,
            limit,
        };
        assert!(matches!(refused, Some(Error::Txt { fault, .. }) if fault == expected));
        assert_eq!(properties.bytes_len(), 33 * 256);
    }

    #[test]
    fn attributes_are_shown_as_a_map() {
        let shown = format!("{:?}", read(b"\x03a=b\x01c"));
        assert_eq!(shown, r#"{"a": Some("b"), "c": None}"#);
    }

    proptest! {
        #[test]
        fn a_value_is_any_bytes_and_comes_back_as_it_was(value in vec(any::<u8>(), 0..=253)) {
            // 6763-6.5-1
            let mut properties = TxtProperties::new();
            properties.insert("k", Some(&value)).unwrap();

            let again = TxtProperties::from_wire(&properties.to_wire());
            prop_assert_eq!(again.get("K").bytes(), Some(&value[..]));
        }

        #[test]
        fn whatever_was_read_reads_the_same_again(strings in vec(vec(any::<u8>(), 0..9), 0..40)) {
            let once = TxtProperties::from_wire(&Txt::from_strings(&strings).unwrap());
            let twice = TxtProperties::from_wire(&once.to_wire());
            prop_assert_eq!(once, twice);
        }
    }

    fn read(rdata: &[u8]) -> TxtProperties {
        TxtProperties::from_wire(&Txt::new(rdata).unwrap())
    }

    /// The attributes as texts, a flag without a value.
    fn pairs(properties: &TxtProperties) -> Vec<(String, Option<String>)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let pairs = properties.iter();
        pairs
            .map(|(key, value)| (key.into_owned(), value.map(text)))
            .collect()
    }

    fn attribute(key: &str, value: &str) -> (String, Option<String>) {
        (key.to_owned(), Some(value.to_owned()))
    }

    fn flag(key: &str) -> (String, Option<String>) {
        (key.to_owned(), None)
    }

    fn fault(key: &str, value: &[u8]) -> TxtFault {
        let mut properties = TxtProperties::new();
        match properties.insert(key, Some(value)) {
            Err(Error::Txt { key: it, fault }) if it == key && properties.is_empty() => fault,
            other => panic!("{key}: {other:?}"),
        }
    }
}
