//! File descriptors: how many are open, how many may be, and one kept back for the worst moment.

use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;

use nix::sys::resource::Resource;
use nix::sys::resource::getrlimit;
use nix::sys::resource::setrlimit;

/// How many descriptors this process may have open.
///
/// # Examples
///
/// ```
/// use beacon::resources::fds;
///
/// let limit = fds::limit()?;
/// assert!(fds::open()? < limit.soft && limit.soft <= limit.hard);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FdLimit {
    /// What is enforced: opening one more fails with "too many open files".
    pub soft: u64,
    /// How far the process may raise the soft limit by itself.
    pub hard: u64,
}

/// Returns how many descriptors this process has open.
///
/// Since Linux 6.2 that takes none itself and stays as cheap as it is however many are open; it
/// works when there are none left. Before, the folder has to be read, which takes one for a moment
/// (it is not counted) and grows with the number.
///
/// # Errors
///
/// `/proc` is not mounted, or (before Linux 6.2) no descriptor is left to read it with.
pub fn open() -> io::Result<u64> {
    // The length of this folder is the number of its files, or zero on a kernel that never says.
    match fs::metadata(FOLDER)?.len() {
        0 => read_folder(Path::new(FOLDER)),
        count => Ok(count),
    }
}

/// Returns how many may be open.
///
/// # Errors
///
/// What the system says; none is known.
pub fn limit() -> io::Result<FdLimit> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(FdLimit { soft, hard })
}

/// Raises the soft limit to `wanted`, or as far as the hard limit lets it, and returns what it is
/// then. It is never lowered.
///
/// Programs that use `select(2)` cannot handle descriptors from 1024 on. This library does not use
/// it; mind what else is in the process, and what it starts.
///
/// # Errors
///
/// What the system says when it refuses.
///
/// # Examples
///
/// ```
/// use beacon::resources::fds;
///
/// let now = fds::raise_soft_limit(4096)?;
/// assert!(now >= 4096.min(fds::limit()?.hard));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn raise_soft_limit(wanted: u64) -> io::Result<u64> {
    let FdLimit { soft, hard } = limit()?;
    let raised = wanted.min(hard);
    if raised <= soft {
        return Ok(soft);
    }
    setrlimit(Resource::RLIMIT_NOFILE, raised, hard)?;
    Ok(raised)
}

/// One descriptor kept back, so that what must not fail has one when all others are in use: to
/// accept a connection only to close it, to read a file that says what is wrong.
///
/// # Examples
///
/// ```
/// use std::fs::File;
/// use beacon::resources::fds::Reserve;
///
/// let mut reserve = Reserve::new()?;
/// let bytes = reserve.with_one_free(|| std::fs::read("/proc/self/comm"))?;
/// assert!(!bytes.is_empty() && reserve.is_held());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Reserve(Option<File>);

impl Reserve {
    /// Takes a descriptor to keep.
    ///
    /// # Errors
    ///
    /// None is left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Some(spare()?)))
    }

    /// Lets `work` use the descriptor, and takes one back afterwards.
    ///
    /// Another thread may take it in between; so may `work`, if it keeps what it opens. Then none
    /// is held until the next call finds one.
    pub fn with_one_free<R>(&mut self, work: impl FnOnce() -> R) -> R {
        self.0 = None;
        let result = work();
        self.0 = spare().ok();
        result
    }

    /// Returns whether a descriptor is kept.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.0.is_some()
    }
}

const FOLDER: &str = "/proc/self/fd";

/// Opens something that is always there and does nothing.
fn spare() -> io::Result<File> {
    File::open("/dev/null")
}

/// Counts the entries, less the descriptor that reading takes.
fn read_folder(folder: &Path) -> io::Result<u64> {
    let mut count: u64 = 0;
    for entry in fs::read_dir(folder)? {
        entry?;
        count += 1;
    }
    Ok(count.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_the_folder_counts_all_but_its_own_descriptor() {
        let folder = std::env::temp_dir().join(format!("beacon-fds-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for file in ["0", "1", "2", "that of the folder"] {
            File::create(folder.join(file)).unwrap();
        }

        let count = read_folder(&folder).unwrap();

        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(count, 3);
    }

    #[test]
    fn a_soft_limit_is_never_lowered() {
        let before = limit().unwrap();

        assert_eq!(raise_soft_limit(1).unwrap(), before.soft);
        assert_eq!(limit().unwrap(), before);
    }
}
