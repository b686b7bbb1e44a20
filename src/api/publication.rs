//! Records that are published by hand.

use std::fmt;
use std::time::Duration;

use crossbeam_channel::Receiver;

use crate::error::Error;
use crate::protocol::Fate;
use crate::runtime::Published;
use crate::wire::Name;

/// Records that are published for as long as this is held. Dropping it sends the goodbye.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
///
/// use beacon::wire::Rdata;
/// use beacon::{Beacon, Config, RecordSet};
///
/// let beacon = Beacon::start(Config::default())?;
/// let alias = RecordSet::unique("files.local".parse()?)?.with(Rdata::A([192, 0, 2, 7].into()))?;
/// let alias = beacon.publish(alias)?;
/// alias.wait_announced(Duration::from_secs(5))?; // or: another host has the name
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping a publication withdraws its records"]
pub struct Publication {
    published: Published,
}

impl Publication {
    pub(crate) fn new(published: Published) -> Self {
        Self { published }
    }

    /// Returns the name of the records.
    #[must_use]
    pub fn name(&self) -> &Name {
        self.published.stand.name()
    }

    /// Waits until the records were announced on every link. While there is no link that does not
    /// happen.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when another host has the name of records that were to be ours alone,
    /// [`Error::TimedOut`] when it takes longer than `within`, [`Error::Stopped`] when the
    /// [`Beacon`](crate::Beacon) is gone.
    pub fn wait_announced(&self, within: Duration) -> Result<(), Error> {
        self.published.stand.wait_announced(within)
    }

    /// Lends what becomes of the records, to be received from or selected on. The last 16 events
    /// are kept for one who does not read them.
    #[must_use]
    pub fn events(&self) -> &Receiver<Fate> {
        &self.published.events
    }
}

impl fmt::Debug for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publication")
            .field("name", self.name())
            .finish_non_exhaustive()
    }
}
