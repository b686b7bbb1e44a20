//! Replacing a file as a whole: whoever reads it sees what was there or what is there, never half.
//!
//! What is to be written goes into a file of its own in the same folder, which then takes the
//! name in one step of the file system. A writer that dies leaves at most that file, never a torn
//! one.

use std::fs;
use std::fs::File;
use std::fs::Metadata;
use std::fs::OpenOptions;
use std::fs::Permissions;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::fchown;
use std::path::Path;
use std::path::PathBuf;
use std::process;

use nix::errno::Errno;
use nix::libc;

use crate::output::FileError;

/// What a written file is to outlive.
///
/// # Examples
///
/// ```
/// use beacon::output::{Durability, replace};
///
/// # let folder = std::env::temp_dir().join(format!("beacon-doc-durable-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// replace(folder.join("made-again-at-the-start"), b"1", Durability::Relaxed)?;
/// replace(folder.join("made-only-once"), b"1", Durability::Synced)?;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// Our own end, however it comes: the system writes it to the disk when it suits. For what is
    /// made again after a restart.
    Relaxed,
    /// A power cut as well: the file and its name are on the disk when the call returns. Takes
    /// several times as long.
    Synced,
}

/// Whether there was anything to do.
///
/// # Examples
///
/// ```
/// use beacon::output::Replaced;
///
/// fn must_reload(replaced: Replaced) -> bool {
///     replaced == Replaced::Written
/// }
/// assert!(!must_reload(Replaced::Unchanged));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Replaced {
    /// The file has these bytes since this call.
    Written,
    /// The file had them already, and was not touched.
    Unchanged,
}

/// Makes a file have these bytes, in one step: a reader sees all that was there or all that is.
///
/// A file that has them already stays as it is, so that nobody who watches it is woken for
/// nothing. Several threads and processes may replace one file at once; the last one counts.
///
/// - The mode of the old file is kept, and its owner where the system lets us. A new file gets mode
///   0666 less the umask: 0644 as a rule.
/// - A symbolic link stays: the file that it points to is replaced, or made if there is none. Other
///   names of the old file (hard links) keep the old bytes.
/// - What is to be written goes to a new file in the same folder first, `.beacon-` and a number
///   with `.tmp` behind it; nothing that is there already is followed or overwritten. It is gone
///   when the call returns, whatever it returns. Only a process that is killed in between leaves
///   one behind, which may be deleted.
/// - The folder has to be one in which nobody else renames files at will.
///
/// # Errors
///
/// The folder is missing, full or not ours to write in, or the path is that of something else than
/// a file. The old file is untouched then, with one exception: where the folder cannot be
/// [synced](Durability::Synced), the new bytes are there, and a power cut may undo it.
///
/// # Examples
///
/// ```
/// use beacon::output::{Durability, Replaced, replace};
///
/// # let folder = std::env::temp_dir().join(format!("beacon-doc-replace-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let path = folder.join("targets.json");
///
/// assert_eq!(replace(&path, b"[]\n", Durability::Relaxed)?, Replaced::Written);
/// assert_eq!(replace(&path, b"[]\n", Durability::Relaxed)?, Replaced::Unchanged);
/// assert_eq!(std::fs::read(&path)?, b"[]\n");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn replace(
    path: impl AsRef<Path>,
    bytes: &[u8],
    durability: Durability,
) -> Result<Replaced, FileError> {
    let path = target(path.as_ref())?;
    let old = old(&path)?;
    if let Some(old) = &old {
        if let Some(same) = open_same(&path, old, bytes) {
            if durability == Durability::Synced {
                // Whoever wrote it may not have waited for the disk.
                same.sync_all().map_err(FileError::when("sync", &path))?;
                sync_folder(&path)?;
            }
            return Ok(Replaced::Unchanged);
        }
    }
    swap(&path, old.as_ref(), durability, |file| {
        file.write_all(bytes)
    })?;
    Ok(Replaced::Written)
}

/// Replaces a file by what `fill` writes.
pub(crate) fn replace_by(
    path: &Path,
    durability: Durability,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), FileError> {
    let path = target(path)?;
    let old = old(&path)?;
    swap(&path, old.as_ref(), durability, fill)
}

/// Follows symbolic links to the name that is to be replaced; there need be nothing there.
fn target(path: &Path) -> Result<PathBuf, FileError> {
    let mut target = path.to_owned();
    for _ in 0..LINKS_MAX {
        // What cannot be read as a link is none.
        let Ok(next) = fs::read_link(&target) else {
            return Ok(target);
        };
        target = folder_of(&target).join(next);
    }
    Err(FileError::when("follow", path)(Errno::ELOOP.into()))
}

/// Returns what is known of the file that is there.
fn old(path: &Path) -> Result<Option<Metadata>, FileError> {
    match fs::symlink_metadata(path) {
        Ok(old) if old.is_file() => Ok(Some(old)),
        Ok(_) => {
            let source = io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is not a file; choose another path",
            );
            Err(FileError::when("replace", path)(source))
        }
        // What is wrong besides is told by the next step.
        Err(_) => Ok(None),
    }
}

/// Returns the file, open, if it has these bytes. One that cannot be read has not.
fn open_same(path: &Path, old: &Metadata, bytes: &[u8]) -> Option<File> {
    if old.len() != bytes.len() as u64 {
        return None;
    }
    // Whatever took its place in the meantime, a pipe perhaps, is not waited for.
    let mut options = OpenOptions::new();
    let options = options.read(true).custom_flags(libc::O_NONBLOCK);
    let mut file = options.open(path).ok()?;
    let mut rest = bytes;
    let mut piece = [0; 4096];
    loop {
        let read = match file.read(&mut piece) {
            Ok(0) => return rest.is_empty().then_some(file),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return None,
        };
        rest = rest.strip_prefix(&piece[..read])?;
    }
}

fn swap(
    path: &Path,
    old: Option<&Metadata>,
    durability: Durability,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), FileError> {
    let (mut file, temporary) =
        Temporary::beside(path, old).map_err(FileError::when("make a file beside", path))?;
    let written = fill(&mut file).and_then(|()| match durability {
        Durability::Relaxed => Ok(()),
        Durability::Synced => file.sync_all(),
    });
    written.map_err(FileError::when("write a file beside", path))?;
    let renamed = temporary.rename_to(path);
    renamed.map_err(FileError::when("replace", path))?;
    match durability {
        Durability::Relaxed => Ok(()),
        Durability::Synced => sync_folder(path),
    }
}

/// Waits until the names in the folder are on the disk.
fn sync_folder(path: &Path) -> Result<(), FileError> {
    let folder = folder_of(path);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(FileError::when("sync", folder))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A file that is not finished. Dropping this removes it, unless it has its name by then.
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    /// Makes a file that was not there, as the old one is or as new ones are.
    fn beside(path: &Path, old: Option<&Metadata>) -> io::Result<(File, Self)> {
        let mode = if old.is_some() { PRIVATE } else { NEW };
        let mut tries = 0;
        loop {
            let name = folder_of(path).join(temporary_name());
            let mut options = OpenOptions::new();
            match options.write(true).create_new(true).mode(mode).open(&name) {
                Ok(file) => {
                    let temporary = Self {
                        path: name,
                        renamed: false,
                    };
                    if let Some(old) = old {
                        take_after(&file, old)?;
                    }
                    return Ok((file, temporary));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < TRIES_MAX => {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn rename_to(mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Where that fails too there is nothing better to do: what led here is told.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Gives a file the owner and the mode of the old one.
fn take_after(file: &File, old: &Metadata) -> io::Result<()> {
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        // Only the superuser may; for others the file is theirs from here on.
        let _ = fchown(file, Some(old.uid()), Some(old.gid()));
    }
    file.set_permissions(Permissions::from_mode(old.mode() & MODE_BITS))
}

/// Returns a name that nobody else takes. It does not end like the file, so that no pattern such as
/// `*.json` that readers go by fits it, and is not longer if the file's own name is long.
fn temporary_name() -> String {
    // Processes may have one number in two containers that share a folder.
    let chance = RandomState::new().hash_one(process::id());
    format!(".beacon-{chance:016x}.tmp")
}

/// As many as the kernel follows.
const LINKS_MAX: usize = 40;
const TRIES_MAX: usize = 16;
/// For what is not seen by others until it has the mode of the old file.
const PRIVATE: u32 = 0o600;
const NEW: u32 = 0o666;
/// Who may read, write and run it; no bit that lends the rights of its owner.
const MODE_BITS: u32 = 0o777;
