//! A place to receive a message in, used again and again.

use std::fmt;

use crate::wire::checked_names::CheckedNames;
use crate::wire::error::ParseError;
use crate::wire::index::Contents;
use crate::wire::message::Message;

/// Room for the largest message and its table of contents.
///
/// It is what a slot for packets holds. It lends a [`Message`] only after [`check`](Self::check)
/// found that the bytes are one. The table has room for most messages and grows with the largest so
/// far, so a frame that is used again and again soon allocates nothing.
///
/// # Examples
///
/// ```
/// use beacon::wire::{CheckedNames, Frame};
///
/// let mut names = CheckedNames::new();
/// let mut room = vec![0; 9000];
/// let mut frame = Frame::new(&mut room);
/// frame.bytes_mut()[..12].copy_from_slice(&[0; 12]);
/// frame.received(12);
/// assert!(frame.message().is_none(), "nobody has checked it yet");
///
/// frame.check(&mut names)?;
/// assert_eq!(frame.message().map(|message| message.question_count()), Some(0));
/// # Ok::<(), beacon::wire::ParseError>(())
/// ```
pub struct Frame<'b> {
    bytes: &'b mut [u8],
    len: usize,
    contents: Contents,
    checked: bool,
}

impl<'b> Frame<'b> {
    /// Makes an empty frame around a buffer. One that holds every legal message has 9,000 bytes
    /// (RFC 6762 §17).
    #[must_use]
    pub fn new(bytes: &'b mut [u8]) -> Self {
        Self {
            bytes,
            len: 0,
            contents: Contents::for_most(),
            checked: false,
        }
    }

    /// Lends the whole buffer to receive into, and forgets the message that was in it.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.received(0);
        self.bytes
    }

    /// Says how many bytes were received, from the beginning of the buffer on.
    ///
    /// # Panics
    ///
    /// If they are more than the buffer has room for.
    pub fn received(&mut self, len: usize) {
        assert!(
            len <= self.bytes.len(),
            "what was received fits in the buffer"
        );
        self.len = len;
        self.checked = false;
    }

    /// Returns what was received.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Checks what was received; a frame lends a message only after that. What `names` knew before
    /// does not matter: one for each thread that checks is enough.
    ///
    /// It also makes the digests by which the names are looked up, so that whoever looks them up
    /// need not; those of a message that was read without a frame are made again each time.
    ///
    /// # Errors
    ///
    /// As for [`Message::read`].
    pub fn check(&mut self, names: &mut CheckedNames) -> Result<(), ParseError> {
        let bytes = &self.bytes[..self.len];
        self.contents.build(bytes, names)?;
        self.contents.digest(bytes, &mut names.digested);
        self.checked = true;
        Ok(())
    }

    /// Returns the message, if what was received was found to be one.
    #[must_use]
    pub fn message(&self) -> Option<Message<'_>> {
        self.checked
            .then(|| Message::checked(self.bytes(), &self.contents))
    }
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("len", &self.len)
            .field("checked", &self.checked)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Frame;
    use crate::wire::checked_names::CheckedNames;
    use crate::wire::error::Fault;
    use crate::wire::index::MESSAGE_BYTES_MAX;

    fn receive(frame: &mut Frame<'_>, bytes: &[u8]) {
        frame.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        frame.received(bytes.len());
    }

    #[test]
    fn a_frame_lends_a_message_only_after_a_good_check() {
        let mut room = [0; MESSAGE_BYTES_MAX];
        let mut frame = Frame::new(&mut room);
        receive(&mut frame, &[0; 12]);
        assert!(frame.message().is_none());

        frame.check(&mut CheckedNames::new()).unwrap();
        assert_eq!(
            frame.message().map(|message| message.bytes().len()),
            Some(12)
        );

        receive(&mut frame, &[0; 11]);
        assert!(frame.message().is_none());
        assert_eq!(
            frame.check(&mut CheckedNames::new()).unwrap_err().fault,
            Fault::Truncated
        );
        assert!(frame.message().is_none());
    }

    #[test]
    fn touching_the_buffer_forgets_the_message() {
        let mut room = [0; MESSAGE_BYTES_MAX];
        let mut frame = Frame::new(&mut room);
        receive(&mut frame, &[0; 12]);
        frame.check(&mut CheckedNames::new()).unwrap();

        frame.bytes_mut()[5] = 1;

        assert!(frame.message().is_none() && frame.bytes().is_empty());
    }

    #[test]
    fn the_largest_message_fits() {
        // 6762-17-6
        let mut room = [0; MESSAGE_BYTES_MAX];
        let mut frame = Frame::new(&mut room);
        assert_eq!(frame.bytes_mut().len(), MESSAGE_BYTES_MAX);
        frame.received(MESSAGE_BYTES_MAX);

        assert!(frame.check(&mut CheckedNames::new()).is_ok());
    }

    #[test]
    #[should_panic(expected = "what was received fits in the buffer")]
    fn more_than_the_buffer_cannot_have_been_received() {
        Frame::new(&mut [0; 12]).received(13);
    }
}
