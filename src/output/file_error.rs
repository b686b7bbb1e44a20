//! What the system refused to do with a file.

use std::error;
use std::fmt;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use nix::errno::Errno;

/// Something could not be done with a file: what, with which, and why.
///
/// The text is lower case, without a full stop, and ends with what to change.
///
/// # Examples
///
/// ```
/// use beacon::output::{Durability, replace};
///
/// let error = replace("/no-such-folder/a", b"", Durability::Relaxed).unwrap_err();
///
/// assert_eq!(error.doing, "make a file beside");
/// assert_eq!(error.source.kind(), std::io::ErrorKind::NotFound);
/// assert!(error.to_string().ends_with("; make its folder first, or choose another path"));
/// ```
#[derive(Debug)]
pub struct FileError {
    /// What was refused, as an infinitive before the path: "open".
    pub doing: &'static str,
    /// The file, by the name that was given or that a symbolic link led to.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl FileError {
    /// Names what was being done when the system refused.
    pub(crate) fn when(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            doing,
            path,
            source,
        } = self;
        write!(f, "cannot {doing} {path:?}: {source}{}", remedy(source))
    }
}

impl error::Error for FileError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Returns what to change after `source`, for what the system refuses most often.
fn remedy(source: &io::Error) -> &'static str {
    match source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENAMETOOLONG) => return "; choose a shorter path",
        Some(Errno::ELOOP) => return "; choose a path that leads to a file",
        _ => {}
    }
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "; make its folder first, or choose another path"
        }
        io::ErrorKind::PermissionDenied => {
            "; choose a folder in which this user may make files, or run with the rights to"
        }
        io::ErrorKind::ReadOnlyFilesystem => "; choose a path that can be written",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room there",
        _ => "",
    }
}
