//! Bytes and meaning.
