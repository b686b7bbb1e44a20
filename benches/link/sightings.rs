//! What a browsing program reports, counted as it comes.

use std::io::BufRead;
use std::io::BufReader;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::Instant;

use crate::packets;

/// A browsing program and the instances that it has resolved; dropping it kills it.
pub(crate) struct Sightings {
    child: Child,
    seen: Arc<Mutex<Seen>>,
}

/// Which instances were resolved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    resolved: Vec<bool>,
    pub(crate) count: usize,
    /// When the last of them was.
    pub(crate) last: Option<Instant>,
}

impl Sightings {
    /// Starts the program; it may report so many instances.
    pub(crate) fn of(command: &mut Command, instances: usize) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program is there");
        let output = child.stdout.take().expect("piped above");
        let seen = Arc::new(Mutex::new(Seen {
            resolved: vec![false; instances],
            ..Seen::default()
        }));
        let writer = Arc::clone(&seen);
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                if let Some(number) = resolved(&line) {
                    let mut seen = writer.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.note(number);
                }
                line.clear();
            }
        });
        Self { child, seen }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns how many were resolved by now, and when the last of them was.
    pub(crate) fn look(&self) -> (usize, Option<Instant>) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.count, seen.last)
    }
}

impl Seen {
    fn note(&mut self, number: usize) {
        let is_new = self.resolved.get(number).is_some_and(|known| !known);
        if is_new {
            self.resolved[number] = true;
            self.count += 1;
            self.last = Some(Instant::now());
        }
    }
}

impl Drop for Sightings {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the instance that a line says is resolved: a line of JSON, or one of `avahi-browse
/// --parsable --resolve`.
fn resolved(line: &[u8]) -> Option<usize> {
    let told = line.starts_with(b"=") || line.starts_with(b"{\"event\":\"resolved\"");
    let at = line.windows(4).position(|four| four == b"NAME")?;
    told.then(|| packets::number(&line[at..])).flatten()
}
