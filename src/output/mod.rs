//! Files kept true: replaced as a whole, or grown line by line. Knows nothing of DNS.
//!
//! | for | take |
//! |---|---|
//! | a file that others read while it changes | [`replace`], which never shows them half of it |
//! | whether what was written outlives a power cut | [`Durability`] |
//! | the newest lines of something that never ends | [`Rolling`] |
//!
//! No file stays open between two calls, so that a folder can be unmounted and a file be moved away
//! at any time. Nothing here starts a thread. What cannot be done is a [`FileError`], which says
//! what to change.

mod file_error;
mod replace;
mod rolling;
#[cfg(test)]
mod tests;

pub use file_error::FileError;
pub use replace::Durability;
pub use replace::Replaced;
pub use replace::replace;
pub use rolling::Rolling;
