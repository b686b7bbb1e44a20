//! A file that is kept true, and how it goes with writing it.

use std::path::Path;
use std::path::PathBuf;

use beacon::output::Durability;
use beacon::output::FileError;
use beacon::output::Replaced;
use beacon::output::replace;

use crate::cli::watch::file_sd;
use crate::cli::watch::hosts;
use crate::cli::watch::services::Services;

/// A file of ours.
#[derive(Debug)]
pub(crate) struct Kept {
    kind: Kind,
    path: PathBuf,
    /// Whether the last try failed, and that was told.
    failing: bool,
    /// What was written last, if that was not told yet.
    pub(crate) untold: Option<Written>,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Prometheus, which finds there what to scrape.
    FileSd,
    /// Whoever looks hosts up.
    Hosts,
}

/// What a file says.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Content {
    pub(crate) text: String,
    /// How many targets or lines that are.
    pub(crate) entries: usize,
}

/// A file that has just been written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) kind: Kind,
    pub(crate) path: PathBuf,
    /// How many targets or lines it has.
    pub(crate) entries: usize,
}

impl Kept {
    pub(crate) fn new(kind: Kind, path: &Path) -> Self {
        Self {
            kind,
            path: path.to_owned(),
            failing: false,
            untold: None,
        }
    }

    /// Writes what is there, unless the file says so already.
    pub(crate) fn write(&mut self, services: &Services) -> Result<(), FileError> {
        let content = match self.kind {
            Kind::FileSd => file_sd::write(services.iter()),
            Kind::Hosts => hosts::write(services.iter()),
        };
        // After a restart it is written anew.
        let replaced = replace(&self.path, content.text.as_bytes(), Durability::Relaxed)?;
        if self.failing {
            self.failing = false;
            log::warn!("{:?} can be written again", self.path);
        }
        if replaced == Replaced::Written {
            self.untold = Some(Written {
                kind: self.kind,
                path: self.path.clone(),
                entries: content.entries,
            });
        }
        Ok(())
    }

    /// Tells once that it does not go on, until it did.
    pub(crate) fn complain(&mut self, error: &FileError) {
        if !self.failing {
            self.failing = true;
            log::warn!("{error}; it is tried again every few seconds");
        }
    }
}
