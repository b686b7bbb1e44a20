//! How much may be held, how often, and by whom. Knows nothing of DNS.
//!
//! | for | take |
//! |---|---|
//! | how much is held at once: a semaphore, a quota, a size | `Budget`, which lends a `Lease` |
//!
//! `0` never means unlimited; a limit says so. Nothing here starts a thread or a timer. What waits
//! takes a [`Stop`](crate::stop::Stop), and what does not wait takes no lock as long as nobody
//! waits for it.

#[allow(dead_code, unused_imports, reason = "its first user comes next")]
mod sync;
