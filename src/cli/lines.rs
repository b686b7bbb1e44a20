//! Bytes as lines, none of them longer than there is room for.

use std::mem;

/// A line without its end, and how many came before it.
#[derive(Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) number: u64,
    pub(crate) bytes: Vec<u8>,
}

/// The line that was begun.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    begun: Vec<u8>,
    is_cut: bool,
}

impl Lines {
    /// Takes in what came next, and hands each line that it ends to `say`.
    pub(crate) fn push(&mut self, mut bytes: &[u8], mut say: impl FnMut(Vec<u8>)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.add(&bytes[..end]);
            say(self.take());
            bytes = &bytes[end + 1..];
        }
        self.add(bytes);
    }

    /// Hands what was begun and not ended to `say`: nothing more comes.
    pub(crate) fn finish(mut self, say: impl FnOnce(Vec<u8>)) {
        if !self.begun.is_empty() {
            say(self.take());
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES_MAX - self.begun.len();
        let (fits, over) = bytes.split_at(room.min(bytes.len()));
        self.begun.extend_from_slice(fits);
        self.is_cut |= !over.is_empty();
    }

    fn take(&mut self) -> Vec<u8> {
        if mem::take(&mut self.is_cut) {
            self.begun.extend_from_slice(CUT.as_bytes());
        }
        mem::take(&mut self.begun)
    }
}

/// A line is cut behind so many bytes.
const LINE_BYTES_MAX: usize = 8 << 10;

/// What stands for the rest of it.
const CUT: &str = " … (cut)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_however_their_bytes_come() {
        let bytes = b"one\n\ntwo \xff\r\nrest";
        for size in 1..=bytes.len() {
            let mut said = Vec::new();
            let mut lines = Lines::default();
            for chunk in bytes.chunks(size) {
                lines.push(chunk, |line| said.push(line));
            }
            lines.finish(|line| said.push(line));

            assert_eq!(said, [&b"one"[..], b"", b"two \xff\r", b"rest"]);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_marked_and_the_next_is_whole() {
        let mut said = Vec::new();
        let mut lines = Lines::default();

        for _ in 0..3 {
            lines.push(&[b'x'; LINE_BYTES_MAX], |line| said.push(line));
        }
        lines.push(b"\nnext\n", |line| said.push(line));
        lines.push(&[b'y'; LINE_BYTES_MAX], |line| said.push(line));
        lines.push(b"\n", |line| said.push(line));

        let long = [&[b'x'; LINE_BYTES_MAX][..], CUT.as_bytes()].concat();
        assert_eq!(said[0], long);
        assert_eq!(said[1], b"next");
        assert_eq!(said[2], [b'y'; LINE_BYTES_MAX], "it just fits");
    }
}
