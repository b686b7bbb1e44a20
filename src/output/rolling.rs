//! A text file that keeps the newest lines, and a last one that is not finished.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::output::Durability;
use crate::output::FileError;
use crate::output::replace::replace_by;

/// A text file of the newest lines of something that goes on: a log, the progress of a job.
///
/// A *final* line ends in a line break and stays as it is until newer ones push it out. Behind the
/// last line break stands the *current* line, which may be rewritten as often as one likes.
///
/// What a reader finds, whenever he looks: in front of the last line break, whole final lines in
/// the order in which they were appended, without a gap, up to the newest; at least the newest
/// `lines_max`, or all if there are fewer, and at most twice as many. What stands behind the last
/// line break is the current line, or one that is being written.
///
/// Appending costs what the line costs. What was written is never written over, since a reader may
/// have read half of it: once in `lines_max` lines the old half of the file goes, by
/// [replacing](crate::output::replace()) it as a whole, and so does a current line whenever
/// something takes its place, which costs what the file costs. Whoever had it open goes on reading
/// the old one. Between calls no file is open. When the file was cut, moved or replaced by others
/// meanwhile, the next call notices and goes on with what is there.
///
/// One `Rolling` at a time writes to a file: two would overwrite each other's lines.
///
/// # Examples
///
/// ```
/// use beacon::output::Rolling;
/// use std::num::NonZeroUsize;
///
/// # let folder = std::env::temp_dir().join(format!("beacon-doc-rolling-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let path = folder.join("progress.txt");
/// let mut progress = Rolling::open(&path, NonZeroUsize::new(100).expect("not zero"))?;
///
/// progress.append("found 3 printers")?;
/// progress.rewrite("asking: 1 of 3")?;
/// progress.rewrite("asking: 2 of 3")?;
/// assert_eq!(std::fs::read_to_string(&path)?, "found 3 printers\nasking: 2 of 3");
///
/// progress.append("asked all")?;
/// assert_eq!(std::fs::read_to_string(&path)?, "found 3 printers\nasked all\n");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Rolling {
    path: PathBuf,
    lines_max: u64,
    /// How the file was left, or nothing if it has to be read first.
    left: Option<Shape>,
}

impl Rolling {
    /// Longest line, in bytes, without its line break. With `lines_max` it bounds the file.
    pub const LINE_BYTES_MAX: usize = 65_536;

    /// Goes on with a file of at least the newest `lines_max` lines, and makes it if there is none.
    ///
    /// What stands behind its last line break is taken for the current line.
    ///
    /// # Errors
    ///
    /// The file cannot be made, written or read.
    pub fn open(path: impl Into<PathBuf>, lines_max: NonZeroUsize) -> Result<Self, FileError> {
        let mut rolling = Self {
            path: path.into(),
            lines_max: lines_max.get() as u64,
            left: None,
        };
        let file = rolling.open_file()?;
        rolling.left = Some(rolling.look(&file)?);
        Ok(rolling)
    }

    /// Adds a final line; it takes the place of the current one, if there is one. An empty line
    /// is a line.
    ///
    /// # Errors
    ///
    /// The line has a line break in it or is longer than
    /// [`LINE_BYTES_MAX`](Self::LINE_BYTES_MAX), or the system refuses. The final lines are as they
    /// were then, so that the same call may be made again.
    pub fn append(&mut self, line: &str) -> Result<(), FileError> {
        self.check(line)?;
        self.put(&format!("{line}\n"))
    }

    /// Makes this the current line; an empty one is none.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn rewrite(&mut self, line: &str) -> Result<(), FileError> {
        self.check(line)?;
        self.put(line)
    }

    /// Begins again with an empty file.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn reset(&mut self) -> Result<(), FileError> {
        self.left = None;
        replace_by(&self.path, Durability::Relaxed, |_| Ok(()))
    }

    fn check(&self, line: &str) -> Result<(), FileError> {
        let fault = if line.contains('\n') {
            "it has a line break in it; give each line by itself"
        } else if line.len() > Self::LINE_BYTES_MAX {
            "it is longer than 65536 bytes; shorten it"
        } else {
            return Ok(());
        };
        let source = io::Error::new(io::ErrorKind::InvalidInput, fault);
        Err(FileError::when("write a line to", &self.path)(source))
    }

    /// Writes a text in the place of the current line.
    fn put(&mut self, text: &str) -> Result<(), FileError> {
        let file = self.open_file()?;
        let mut shape = self.look(&file)?;
        let is_full = shape.lines >= self.lines_max.saturating_mul(2);
        if is_full || shape.bytes > shape.final_bytes {
            return self.renew(&file, shape, text);
        }
        // What half of a line a full disk leaves is taken for the current one by the next call.
        let written = file.write_all_at(text.as_bytes(), shape.bytes);
        written.map_err(FileError::when("write", &self.path))?;
        shape.bytes += text.len() as u64;
        if text.ends_with('\n') {
            shape.final_bytes = shape.bytes;
            shape.lines += 1;
        }
        self.left = Some(shape);
        Ok(())
    }

    /// Replaces the file by its newest lines and a text behind them.
    fn renew(&self, file: &File, shape: Shape, text: &str) -> Result<(), FileError> {
        let surplus = shape.lines.saturating_sub(self.lines_max);
        let start = after_lines(file, surplus).map_err(FileError::when("read", &self.path))?;
        replace_by(&self.path, Durability::Relaxed, |newest| {
            let mut file = file;
            file.seek(SeekFrom::Start(start))?;
            io::copy(&mut file.take(shape.final_bytes - start), newest)?;
            newest.write_all(text.as_bytes())
        })
    }

    fn open_file(&self) -> Result<File, FileError> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&self.path);
        file.map_err(FileError::when("open", &self.path))
    }

    /// Returns the shape of the file as it was left, if nobody else was there meanwhile. Whatever
    /// fails afterwards, the next call looks again.
    fn look(&mut self, file: &File) -> Result<Shape, FileError> {
        let failed = FileError::when("read", &self.path);
        let now = file.metadata().map_err(&failed)?;
        if !now.is_file() {
            // A terminal would be waited for.
            let source = io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is not a file; choose another path",
            );
            return Err(failed(source));
        }
        match self.left.take() {
            Some(left) if (left.inode, left.bytes) == (now.ino(), now.len()) => Ok(left),
            _ => Shape::read(file, now.ino()).map_err(failed),
        }
    }
}

/// What a file is made of.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// Which file it is.
    inode: u64,
    /// How long it is, the current line included.
    bytes: u64,
    /// How long it is without.
    final_bytes: u64,
    /// How many final lines it has.
    lines: u64,
}

impl Shape {
    fn read(file: &File, inode: u64) -> io::Result<Self> {
        let mut shape = Self {
            inode,
            bytes: 0,
            final_bytes: 0,
            lines: 0,
        };
        each_piece(file, |piece| {
            for (at, _) in breaks(piece) {
                shape.lines += 1;
                shape.final_bytes = shape.bytes + at + 1;
            }
            shape.bytes += piece.len() as u64;
            ControlFlow::Continue(())
        })?;
        Ok(shape)
    }
}

/// Returns where the line behind so many lines begins.
fn after_lines(file: &File, lines: u64) -> io::Result<u64> {
    let (mut left, mut read, mut start) = (lines, 0, 0);
    each_piece(file, |piece| {
        for (at, _) in breaks(piece) {
            if left == 0 {
                return ControlFlow::Break(());
            }
            left -= 1;
            start = read + at + 1;
        }
        read += piece.len() as u64;
        ControlFlow::Continue(())
    })?;
    Ok(start)
}

fn breaks(piece: &[u8]) -> impl Iterator<Item = (u64, &u8)> {
    (0..).zip(piece).filter(|(_, byte)| **byte == b'\n')
}

/// Reads a file from its beginning, in pieces, for as long as `take` wants more.
fn each_piece(mut file: &File, mut take: impl FnMut(&[u8]) -> ControlFlow<()>) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = match file.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if take(&piece[..read]).is_break() {
            return Ok(());
        }
    }
}

const PIECE_BYTES: usize = 65_536;
