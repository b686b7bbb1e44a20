//! How much a budget allows.

use std::fmt;

/// How much may be held at once. Zero is not "unlimited": each of the three says what it means.
///
/// Amounts are counted in 63 bits: a limit of 2^63 or more is no limit.
///
/// # Examples
///
/// ```
/// use beacon::resources::{Budget, Limit};
///
/// let memory = Budget::root("memory", Limit::At(1 << 20));
/// assert!(memory.try_lease(1 << 20).is_ok());
/// memory.set_limit(Limit::Blocked);
/// assert!(memory.try_lease(1).is_err());
/// assert_eq!(memory.limit(), Limit::Blocked);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Limit {
    /// Everything is counted, nothing is refused.
    Unlimited,
    /// At most this many units at once. A wait for more than that is refused at once, since it
    /// would never end.
    At(u64),
    /// Nothing is granted for the time being. A wait goes on, until the limit changes.
    Blocked,
}

impl Limit {
    /// Returns the largest amount that may ever be held, as things are.
    pub(crate) fn ceiling(self) -> u64 {
        match self {
            Self::Unlimited => AMOUNT_MAX,
            Self::At(units) => units.min(AMOUNT_MAX),
            Self::Blocked => 0,
        }
    }

    /// Returns the same of what [`encode`](Self::encode) wrote.
    #[inline]
    pub(crate) fn ceiling_of(code: u64) -> u64 {
        if code == BLOCKED {
            0
        } else {
            code.min(AMOUNT_MAX)
        }
    }

    /// Returns the limit as one number.
    pub(crate) fn encode(self) -> u64 {
        match self {
            Self::At(units) if units <= AMOUNT_MAX => units,
            Self::At(_) | Self::Unlimited => UNLIMITED,
            Self::Blocked => BLOCKED,
        }
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub(crate) fn decode(code: u64) -> Self {
        match code {
            UNLIMITED => Self::Unlimited,
            BLOCKED => Self::Blocked,
            units => Self::At(units),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => write!(f, "unlimited"),
            Self::At(units) => write!(f, "{units}"),
            Self::Blocked => write!(f, "blocked"),
        }
    }
}

/// The largest amount that can be counted: one bit of its number says that somebody waits.
pub(crate) const AMOUNT_MAX: u64 = u64::MAX >> 1;

const UNLIMITED: u64 = u64::MAX;
const BLOCKED: u64 = u64::MAX - 1;
// No limit that can be counted is taken for one of the two.
const _: () = assert!(AMOUNT_MAX < BLOCKED);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_read_as_it_was_written() {
        let limits = [0, 1, 42, AMOUNT_MAX].map(Limit::At);
        for limit in limits.into_iter().chain([Limit::Unlimited, Limit::Blocked]) {
            assert_eq!(Limit::decode(limit.encode()), limit);
            assert_eq!(Limit::ceiling_of(limit.encode()), limit.ceiling());
        }
        for beyond in [AMOUNT_MAX + 1, u64::MAX - 1, u64::MAX] {
            assert_eq!(Limit::decode(Limit::At(beyond).encode()), Limit::Unlimited);
        }
    }
}
