//! Route netlink: the framing of its messages, and asking the kernel for a whole table.
//!
//! Read [RFC 3549 §2.3](https://www.rfc-editor.org/rfc/rfc3549#section-2.3) first. The kernel is
//! trusted no more than the network here: whatever bytes come, reading them ends and nothing
//! panics.
//!
//! Not here: what the messages mean; that is known to `interfaces` and `watch`.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, sendto,
    socket,
};

/// One message: its kind, its flags and what follows its header, as far as it was received.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Message<'b> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) body: &'b [u8],
}

/// Returns the messages in `bytes`, up to the first that cannot be one.
pub(crate) fn messages(bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let size = usize::try_from(u32_at(rest, 0)?).ok()?.min(rest.len());
        let message = Message {
            kind: u16_at(rest, 4)?,
            flags: u16_at(rest, 6)?,
            body: rest.get(HEADER_BYTES..size)?,
        };
        rest = rest.get(size.next_multiple_of(ALIGNMENT)..).unwrap_or(&[]);
        Some(message)
    })
}

/// Returns the attributes in `bytes`, each with its kind, up to the first that cannot be one.
pub(crate) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let size = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & ATTRIBUTE_KIND_MASK;
        let value = rest.get(4..size)?;
        rest = rest.get(size.next_multiple_of(ALIGNMENT)..).unwrap_or(&[]);
        Some((kind, value))
    })
}

/// Reads a number in the order of this machine's bytes.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*bytes))
}

/// Opens a non-blocking socket that hears the news of `groups` (a mask; 0 for none).
pub(crate) fn open(groups: u32) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let protocol = SockProtocol::NetlinkRoute;
    let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
    bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
    Ok(fd)
}

/// Receives from the kernel, never from another process. `None`: nothing waits there.
pub(crate) fn receive<'b>(fd: &OwnedFd, buffer: &'b mut [u8]) -> nix::Result<Option<&'b [u8]>> {
    loop {
        match recvfrom::<NetlinkAddr>(fd.as_raw_fd(), buffer) {
            Err(Errno::EAGAIN) => return Ok(None),
            Err(Errno::EINTR) => {}
            Ok((_, Some(from))) if from.pid() != KERNEL => {}
            received => {
                let (len, _) = received?;
                return Ok(Some(&buffer[..len]));
            }
        }
    }
}

/// Asks for a whole table and hands each entry's kind and body to `tell`.
///
/// Never waits: the kernel writes its answer while it is asked and read.
pub(crate) fn dump(request: u16, mut tell: impl FnMut(Message<'_>)) -> io::Result<Dumped> {
    let fd = open(0)?;
    let kernel = NetlinkAddr::new(KERNEL, 0);
    sendto(
        fd.as_raw_fd(),
        &dump_request(request),
        &kernel,
        MsgFlags::empty(),
    )?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut dumped = Dumped::Whole;
    loop {
        let Some(bytes) = receive(&fd, &mut buffer)? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        for message in messages(bytes) {
            if message.flags & FLAG_DUMP_INTERRUPTED != 0 {
                dumped = Dumped::Interrupted;
            }
            match message.kind {
                KIND_DONE => return Ok(dumped),
                KIND_ERROR => return Err(error_of(message.body)),
                _ => tell(message),
            }
        }
    }
}

/// Whether a table was read at one moment, or changed meanwhile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Dumped {
    Whole,
    Interrupted,
}

fn dump_request(kind: u16) -> [u8; DUMP_REQUEST_BYTES] {
    let mut request = [0; DUMP_REQUEST_BYTES]; // a body of zeros: any family, any interface
    let size = u32::try_from(DUMP_REQUEST_BYTES).expect("a few bytes");
    request[..4].copy_from_slice(&size.to_ne_bytes());
    request[4..6].copy_from_slice(&kind.to_ne_bytes());
    request[6..8].copy_from_slice(&(FLAG_REQUEST | FLAG_DUMP).to_ne_bytes());
    request
}

/// The kernel's errors are numbers below zero.
fn error_of(body: &[u8]) -> io::Error {
    let number = u32_at(body, 0).map_or(0, |word| i32::from_ne_bytes(word.to_ne_bytes()));
    io::Error::from_raw_os_error(number.wrapping_neg())
}

/// Room for any message of the kernel's: what its own tools use.
pub(crate) const BUFFER_BYTES: usize = 32 * 1024;

const KERNEL: u32 = 0;
const ALIGNMENT: usize = 4;
const HEADER_BYTES: usize = 16;
/// Header and struct ifinfomsg, the longer one of the two bodies that we ask with.
const DUMP_REQUEST_BYTES: usize = HEADER_BYTES + 16;

// linux/netlink.h
const KIND_ERROR: u16 = 2;
const KIND_DONE: u16 = 3;
const FLAG_REQUEST: u16 = 1;
const FLAG_DUMP: u16 = 0x300;
const FLAG_DUMP_INTERRUPTED: u16 = 0x10;
const ATTRIBUTE_KIND_MASK: u16 = 0x3FFF;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::{prop_assert, proptest};

    use super::*;

    #[test]
    fn messages_and_attributes_are_padded_to_four_bytes() {
        let bytes = [
            message_bytes(16, &attribute_bytes(3, b"lo\0")),
            message_bytes(3, &[]),
        ]
        .concat();

        let read: Vec<_> = messages(&bytes).collect();

        assert_eq!(read.iter().map(|m| m.kind).collect::<Vec<_>>(), [16, 3]);
        let attributes: Vec<_> = attributes(read[0].body).collect();
        assert_eq!(attributes, [(3, &b"lo\0"[..])]);
    }

    #[test]
    fn a_message_that_was_cut_still_tells_what_there_is_of_it() {
        let bytes = message_bytes(17, &[7; 100]);

        let read: Vec<_> = messages(&bytes[..24]).collect();

        let flags = 0;
        let body = &[7; 8][..];
        assert_eq!(
            read,
            [Message {
                kind: 17,
                flags,
                body
            }]
        );
    }

    #[test]
    fn an_error_of_the_kernel_is_told_by_its_number() {
        let denied = error_of(&(-1_i32).to_ne_bytes());

        assert_eq!(denied.raw_os_error(), Some(Errno::EPERM as i32));
    }

    proptest! {
        #[test]
        fn whatever_bytes_come_reading_ends(bytes in vec(any::<u8>(), 0..200)) {
            prop_assert!(messages(&bytes).count() <= bytes.len() / HEADER_BYTES);
            prop_assert!(attributes(&bytes).count() <= bytes.len() / 4);
        }
    }

    fn message_bytes(kind: u16, body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(HEADER_BYTES + body.len()).expect("a short body");
        let mut bytes = size.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(body);
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        bytes
    }

    fn attribute_bytes(kind: u16, value: &[u8]) -> Vec<u8> {
        let size = u16::try_from(4 + value.len()).expect("a short value");
        let mut bytes = size.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes
    }
}
