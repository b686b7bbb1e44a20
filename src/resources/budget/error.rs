//! What a budget answers when it does not lend.

use std::error;
use std::fmt;

use crate::resources::budget::Limit;
use crate::resources::budget::Name;
use crate::resources::wait_graph::Tie;
use crate::stop::Reason;

/// A budget has no room: which one, and how it stood.
///
/// # Examples
///
/// ```
/// use beacon::resources::{Budget, Limit};
///
/// let cache = Budget::root("cache", Limit::At(100));
/// let source = cache.child("192.0.2.9", Limit::At(75));
/// let held = source.try_lease(70)?;
///
/// let refused = source.try_lease(6).expect_err("75 at most");
/// assert_eq!(refused.budget, "192.0.2.9");
/// assert_eq!(refused.to_string(), "`192.0.2.9` has no room for 6: 70 of 75 in use");
/// # drop(held);
/// # Ok::<(), beacon::resources::Exhausted>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exhausted {
    /// The node that refused: the budget that was asked, or one above it.
    pub budget: Name,
    /// How many units it was asked for.
    pub asked: u64,
    /// How many units of it were in use.
    pub used: u64,
    /// How many it allows.
    pub limit: Limit,
    /// How many requests waited here. While somebody waits, nobody else is served first.
    pub waiting: u64,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            budget,
            asked,
            used,
            limit,
            waiting,
        } = self;
        match limit {
            Limit::Blocked => write!(f, "`{budget}` is blocked"),
            Limit::Unlimited => write!(f, "`{budget}` has no room for {asked}: {used} in use"),
            Limit::At(limit) => {
                write!(
                    f,
                    "`{budget}` has no room for {asked}: {used} of {limit} in use"
                )
            }
        }?;
        if *waiting > 0 {
            write!(f, ", {waiting} waiting")?;
        }
        Ok(())
    }
}

impl error::Error for Exhausted {}

/// Why a wait for a lease ended without one.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use beacon::resources::{AcquireError, Budget, Limit};
/// use beacon::stop::Stop;
///
/// let files = Budget::root("files", Limit::At(2));
/// let held = files.try_lease(2)?;
///
/// let late = files.lease(1, &Stop::new().within(Duration::ZERO));
/// assert!(matches!(late, Err(AcquireError::TimedOut(refused)) if refused.budget == "files"));
/// let never = files.lease(3, &Stop::new());
/// assert!(matches!(never, Err(AcquireError::NeverFits(refused)) if refused.asked == 3));
/// # drop(held);
/// # Ok::<(), beacon::resources::Exhausted>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AcquireError {
    /// The deadline passed; this is what was in the way at that moment.
    TimedOut(Exhausted),
    /// It was stopped, for this reason.
    Stopped(Reason),
    /// More was asked for than this budget ever allows.
    NeverFits(Exhausted),
    /// Everybody in this cycle waits for what another of them holds, and the caller, who came
    /// last, closed it. Give back what is held, and ask again.
    WouldDeadlock {
        /// Who waits for whom, the caller first.
        cycle: Vec<Tie>,
    },
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(refused) => write!(f, "timed out: {refused}"),
            Self::Stopped(reason) => write!(f, "stopped while waiting: {reason}"),
            Self::NeverFits(refused) => write!(
                f,
                "`{}` never has room for {}: its limit is {}",
                refused.budget, refused.asked, refused.limit
            ),
            Self::WouldDeadlock { cycle } => {
                write!(f, "would deadlock")?;
                for (at, tie) in cycle.iter().enumerate() {
                    write!(f, "{} {tie}", if at == 0 { ":" } else { ";" })?;
                }
                Ok(())
            }
        }
    }
}

impl error::Error for AcquireError {}
