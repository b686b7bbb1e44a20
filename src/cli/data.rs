//! What records say, in the words of a zone file: RFC 1035 §5.1, RFC 3597 §5.

use std::fmt::Write;

use beacon::wire::Rdata;

/// Writes what a record says.
pub(crate) fn write(rdata: &Rdata) -> String {
    match rdata {
        Rdata::A(address) => address.to_string(),
        Rdata::Aaaa(address) => address.to_string(),
        Rdata::Ptr(name) | Rdata::Cname(name) => name.to_string(),
        Rdata::Srv(srv) => {
            let (priority, weight, port) = (srv.priority, srv.weight, srv.port);
            format!("{priority} {weight} {port} {}", srv.target)
        }
        Rdata::Txt(txt) => {
            let strings: Vec<_> = txt.strings().map(quoted).collect();
            strings.join(" ")
        }
        Rdata::Nsec(nsec) => {
            let types = nsec.types.iter().map(|held| format!(" {held}"));
            format!("{}{}", nsec.next, types.collect::<String>())
        }
        Rdata::Hinfo(hinfo) => format!("{} {}", quoted(hinfo.cpu()), quoted(hinfo.os())),
        Rdata::Opt(bytes) => unknown(bytes),
        Rdata::Other(other) => unknown(&other.bytes),
    }
}

/// Writes a string in quotes: text as it is, and each byte that is none by its number.
fn quoted(string: &[u8]) -> String {
    let mut shown = "\"".to_owned();
    for chunk in string.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => shown.extend(['\\', character]),
                _ if character.is_ascii_control() => put_number(&mut shown, character as u32),
                _ => shown.push(character),
            }
        }
        for byte in chunk.invalid() {
            put_number(&mut shown, u32::from(*byte));
        }
    }
    shown + "\""
}

fn put_number(text: &mut String, byte: u32) {
    write!(text, "\\{byte:03}").expect("a string takes everything");
}

/// Writes what has no words: how many bytes, and which.
fn unknown(bytes: &[u8]) -> String {
    let mut shown = format!("\\# {}", bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        let gap = if at == 0 { " " } else { "" };
        write!(shown, "{gap}{byte:02x}").expect("a string takes everything");
    }
    shown
}

#[cfg(test)]
mod tests {
    use beacon::wire::{Hinfo, Nsec, Other, Rdata, RecordType, Srv, Txt};

    use super::write;

    #[test]
    fn what_a_record_says_is_written_as_in_a_zone_file() {
        let srv = Srv {
            priority: 0,
            weight: 5,
            port: 631,
            target: "printer.local".parse().unwrap(),
        };
        let nsec = Nsec {
            next: "printer.local".parse().unwrap(),
            types: [RecordType::A, RecordType::AAAA].into_iter().collect(),
        };
        let other = |bytes: &[u8]| Other {
            record_type: RecordType(65_400),
            bytes: bytes.into(),
        };
        for (rdata, expected) in [
            (Rdata::A([192, 0, 2, 9].into()), "192.0.2.9"),
            (Rdata::Aaaa("fe80::9".parse().unwrap()), "fe80::9"),
            (
                Rdata::Ptr(r"A\.B._ipp._tcp.local".parse().unwrap()),
                r"A\.B._ipp._tcp.local.",
            ),
            (Rdata::Srv(srv), "0 5 631 printer.local."),
            (Rdata::Nsec(nsec), "printer.local. A AAAA"),
            (
                Rdata::Hinfo(Hinfo::new(b"ARM64", b"LINUX").unwrap()),
                r#""ARM64" "LINUX""#,
            ),
            (Rdata::Other(other(b"")), r"\# 0"),
            (Rdata::Other(other(&[10, 0, 255])), r"\# 3 0a00ff"),
        ] {
            assert_eq!(write(&rdata), expected);
        }
    }

    #[test]
    fn a_string_keeps_its_bytes_apart_from_its_quotes() {
        let strings: [&[u8]; 3] = [b"a=\"b\\", "Büro".as_bytes(), b"\x1b\xff\0"];
        let txt = Txt::from_strings(strings).unwrap();

        let expected = r#""a=\"b\\" "Büro" "\027\255\000""#;
        assert_eq!(write(&Rdata::Txt(txt)), expected);
    }
}
