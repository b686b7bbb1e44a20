//! The thirteen messages in `tests/corpus`, for every test and bench that reads them.

// No guest needs everything that is here.
#![allow(dead_code)]

/// A message and its name.
pub(crate) struct Sample {
    /// The name of its file, without the ending.
    pub(crate) name: &'static str,
    /// The message.
    pub(crate) bytes: Vec<u8>,
}

/// Returns all messages in the order of their names.
pub(crate) fn all() -> Vec<Sample> {
    let decoded = |&(name, hex)| Sample {
        name,
        bytes: decode(hex),
    };
    FILES.iter().map(decoded).collect()
}

/// Returns the message of that name.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    let (_, hex) = FILES
        .iter()
        .find(|file| file.0 == name)
        .expect("the corpus has the message");
    decode(hex)
}

fn decode(hex: &str) -> Vec<u8> {
    let digit = |byte| {
        char::from(byte)
            .to_digit(16)
            .expect("the corpus is hexadecimal")
    };
    let byte =
        |pair: &[u8]| u8::try_from(digit(pair[0]) << 4 | digit(pair[1])).expect("two digits");
    hex.trim().as_bytes().chunks_exact(2).map(byte).collect()
}

macro_rules! files {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../corpus/", $name, ".hex"))),)*]
    };
}

const FILES: &[(&str, &str)] = files! {
    "01_typical"
    "02_query_ptr"
    "03_query_multi_qu"
    "04_query_ka"
    "05_probe"
    "06_announce_full"
    "07_goodbye"
    "08_chromecast"
    "09_legacy_a_opt"
    "10_apple_sleep_opt"
    "11_big_response"
    "12_uncompressed"
    "13_bad_rdlen"
};
