//! What a task or a step returns, and what came of it.

use std::any::Any;
use std::fmt::Display;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

/// What may be returned by a task or a step: nothing, or a [`Result`] whose error can be shown.
///
/// # Examples
///
/// ```
/// use beacon::lifecycle::Outcome;
///
/// assert_eq!(().failure(), None);
/// assert_eq!(Err::<(), _>("no route").failure(), Some("no route".to_owned()));
/// ```
pub trait Outcome {
    /// Returns what went wrong, if anything did.
    fn failure(self) -> Option<String>;
}

impl Outcome for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

/// Returns what a panic said, which is dropped, even if that panics once more.
pub(crate) fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("something that is no text").to_owned();
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        mem::forget(again);
    }
    text
}
