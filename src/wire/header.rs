//! The header of a message: an identifier and a word of flags.
//!
//! Read [RFC 6762 §18](https://www.rfc-editor.org/rfc/rfc6762#section-18) first, which says what
//! multicast DNS leaves of [RFC 1035 §4.1.1](https://www.rfc-editor.org/rfc/rfc1035#section-4.1.1).
//!
//! Not here: the four counts. The writer keeps them, and a reader takes them for mere claims.

/// What stands before the counts of a message.
///
/// Every value can be written; of `opcode` and `rcode` the low four bits are.
///
/// # RFC
///
/// 1035 §4.1.1, 6762 §18.1 to §18.11.
///
/// # Examples
///
/// ```
/// use beacon::wire::Header;
///
/// let header = Header { id: 7, truncated: true, ..Header::QUERY };
/// assert!(!header.response && header.truncated);
/// assert!(Header::RESPONSE.response && Header::RESPONSE.authoritative);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Header {
    /// Which reply belongs to which query; zero in multicast messages. RFC 6762 §18.1.
    pub id: u16,
    /// QR: whether this is a response, else a query. RFC 6762 §18.2.
    pub response: bool,
    /// What kind of query; messages with any other than zero are ignored. RFC 6762 §18.3.
    pub opcode: u8,
    /// AA: set in responses. RFC 6762 §18.4.
    pub authoritative: bool,
    /// TC: in a query, that more known answers follow. RFC 6762 §18.5.
    pub truncated: bool,
    /// RD: ignored on receipt. RFC 6762 §18.6.
    pub recursion_desired: bool,
    /// RA: ignored on receipt. RFC 6762 §18.7.
    pub recursion_available: bool,
    /// Z: the reserved bit, ignored on receipt. RFC 6762 §18.8.
    pub z: bool,
    /// AD: ignored on receipt. RFC 6762 §18.9.
    pub authentic_data: bool,
    /// CD: ignored on receipt. RFC 6762 §18.10.
    pub checking_disabled: bool,
    /// How it went; messages with any other than zero are ignored. RFC 6762 §18.11.
    pub rcode: u8,
}

impl Header {
    /// A multicast query: nothing is set.
    pub const QUERY: Header = Header {
        id: 0,
        response: false,
        opcode: 0,
        authoritative: false,
        truncated: false,
        recursion_desired: false,
        recursion_available: false,
        z: false,
        authentic_data: false,
        checking_disabled: false,
        rcode: 0,
    };

    /// A multicast response: a response with authority.
    pub const RESPONSE: Header = Header {
        response: true,
        authoritative: true,
        ..Header::QUERY
    };

    /// Reads the first four bytes of a message.
    #[inline]
    pub(super) fn from_bytes(bytes: [u8; 4]) -> Header {
        let [id_high, id_low, high, low] = bytes;
        Header {
            id: u16::from_be_bytes([id_high, id_low]),
            response: high & QR != 0,
            opcode: high >> OPCODE_SHIFT & NIBBLE,
            authoritative: high & AA != 0,
            truncated: high & TC != 0,
            recursion_desired: high & RD != 0,
            recursion_available: low & RA != 0,
            z: low & Z != 0,
            authentic_data: low & AD != 0,
            checking_disabled: low & CD != 0,
            rcode: low & NIBBLE,
        }
    }

    /// Returns the first four bytes of a message.
    pub(super) fn to_bytes(self) -> [u8; 4] {
        let [id_high, id_low] = self.id.to_be_bytes();
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let high = bit(self.response, QR)
            | (self.opcode & NIBBLE) << OPCODE_SHIFT
            | bit(self.authoritative, AA)
            | bit(self.truncated, TC)
            | bit(self.recursion_desired, RD);
        let low = bit(self.recursion_available, RA)
            | bit(self.z, Z)
            | bit(self.authentic_data, AD)
            | bit(self.checking_disabled, CD)
            | self.rcode & NIBBLE;
        [id_high, id_low, high, low]
    }
}

/// Length of the header in bytes, the counts included. RFC 1035 §4.1.1.
pub(super) const HEADER_BYTES: usize = 12;

/// Where in the header the bit TC stands.
pub(super) const TRUNCATED_AT: usize = 2;

// The third byte.
const QR: u8 = 0x80;
const OPCODE_SHIFT: u8 = 3;
const AA: u8 = 0x04;
pub(super) const TC: u8 = 0x02;
const RD: u8 = 0x01;
// The fourth byte.
const RA: u8 = 0x80;
const Z: u8 = 0x40;
const AD: u8 = 0x20;
const CD: u8 = 0x10;
const NIBBLE: u8 = 0x0F;

#[cfg(test)]
mod tests {
    use super::Header;

    #[test]
    fn each_bit_of_the_header_is_read_and_written() {
        for bit in 0..32 {
            let bytes = (1_u32 << bit).to_be_bytes();
            let header = Header::from_bytes(bytes);
            assert_ne!(header, Header::QUERY, "bit {bit}");
            assert_eq!(header.to_bytes(), bytes, "bit {bit}");
        }
    }

    #[test]
    fn a_response_has_its_two_bits_and_nothing_else() {
        // 6762-18.2-1, 6762-18.4-1
        assert_eq!(Header::RESPONSE.to_bytes(), [0, 0, 0x84, 0]);
        assert_eq!(Header::QUERY.to_bytes(), [0; 4]);
        assert_eq!(Header::QUERY, Header::default());
    }

    #[test]
    fn opcode_and_rcode_are_four_bits() {
        let header = Header {
            opcode: 0xF5,
            rcode: 0xF3,
            ..Header::QUERY
        };

        assert_eq!(header.to_bytes(), [0, 0, 0x28, 0x03]);
        assert_eq!(Header::from_bytes([0, 0, 0x28, 0x03]).opcode, 5);
    }
}
