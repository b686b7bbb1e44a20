//! The thread that writes to standard error: the log, how things stand, and how it ended.
//!
//! A reader that does not read makes a write wait for as long as he likes, and the log is written
//! from every thread, the loop among them. So nobody else writes. What finds no place in the queue
//! is lost, and how much that was is told in its place.

use std::io;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use crossbeam_channel::bounded;

/// The end of the queue that the log is given.
#[derive(Debug)]
pub(crate) struct Aside;

/// What goes to the thread.
enum Note {
    /// To be written in one piece.
    Text(Vec<u8>),
    /// To be told once all before it is written.
    Mark(Sender<()>),
}

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        say(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes bytes in one piece, between whatever else is written there, without waiting for it.
pub(crate) fn say(bytes: Vec<u8>) {
    let Some(notes) = NOTES.get_or_init(start) else {
        // Without a thread it waits for its reader: nothing else is left.
        let _ = io::stderr().write_all(&bytes);
        return;
    };
    if notes.try_send(Note::Text(bytes)).is_err() {
        LOST.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits until all is written that was said, or for so long as its reader may take at the end.
pub(crate) fn finish() {
    let Some(Some(notes)) = NOTES.get() else {
        return;
    };
    let last_call = Instant::now() + FINISH_MAX;
    let (mark, written) = bounded(1);
    if notes.send_deadline(Note::Mark(mark), last_call).is_ok() {
        let _ = written.recv_deadline(last_call);
    }
}

/// Starts the thread, which is there for as long as the process is; most have nothing to say.
fn start() -> Option<Sender<Note>> {
    let (notes, waiting) = bounded(NOTES_MAX);
    let thread = thread::Builder::new().name("aside".to_owned());
    let started = thread.spawn(move || write_all(&waiting, &mut io::stderr()));
    started.is_ok().then_some(notes)
}

fn write_all(notes: &Receiver<Note>, output: &mut impl Write) {
    for note in notes {
        // Nobody may listen; the exit code still tells.
        if let Note::Text(text) = &note {
            let _ = output.write_all(text);
        }
        let lost = LOST.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(output, "({lost} lost: they were not read in time)");
        }
        if let Note::Mark(mark) = note {
            // Whoever waited for it may have given up.
            let _ = mark.send(());
        }
    }
}

static NOTES: OnceLock<Option<Sender<Note>>> = OnceLock::new();
/// Notes for which there was no place, until that is told.
static LOST: AtomicU64 = AtomicU64::new(0);

/// Behind these, notes are lost.
const NOTES_MAX: usize = 256;

/// How long a reader may take at the end. Who reads takes milliseconds.
const FINISH_MAX: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_told_behind_what_was_not() {
        let (notes, waiting) = bounded(3);
        let text = |text: &str| Note::Text(text.as_bytes().to_vec());
        let (mark, written) = bounded(1);
        for note in [text("one\n"), text("two\n"), Note::Mark(mark)] {
            notes.send(note).expect("room for three");
        }
        LOST.fetch_add(7, Ordering::Relaxed);
        drop(notes);

        let mut output = Vec::new();
        write_all(&waiting, &mut output);

        let expected = "one\n(7 lost: they were not read in time)\ntwo\n";
        assert_eq!(String::from_utf8(output).unwrap(), expected);
        assert_eq!(written.recv(), Ok(()));
    }
}
