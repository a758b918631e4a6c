//! The module's file: how one state of it is told from another, and when to read it.
//!
//! The problem: a file may be read while it is written, and a half of a build must not be taken for
//! a build. So the time to read it depends on how it changed:
//!
//! | what happened | when it is read |
//! | --- | --- |
//! | a file was renamed to the path | at once, as it came as a whole |
//! | its writer has closed it, or it changed | after it has stayed the same for [`ReloadOptions::settle`](super::ReloadOptions::settle) |
//! | it changes again and again | after [`LONGEST_WAIT`] |
//! | its time or size changed, and the system reported nothing | as for a change, when the worker looks |
//!
//! A file that changes while it is read is read again (`next_build.rs`).

use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant, SystemTime};
use std::{fs, mem};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{EventKind, RecommendedWatcher};

use super::generation::Cause;
use super::message::{Message, watch};
use crate::clock::after;

/// A file that changes again and again is read after this time.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What tells one state of a file from another without reading it: its time, size and inode.
pub(super) type Stamp = (Option<SystemTime>, u64, u64);

/// The state of a file now. `None` if there is no file.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    Some((metadata.modified().ok(), metadata.len(), inode))
}

/// A file whose folder is watched.
pub(super) struct WatchedFile {
    pub(super) path: PathBuf,
    /// `None` once it has failed.
    watcher: Option<RecommendedWatcher>,
    /// The state when the file was last read.
    last_read: Option<Stamp>,
    /// A change after which the file was not read yet.
    change: Option<Change>,
    /// How long the file must stay the same.
    settle: Duration,
}

/// A change of the file.
struct Change {
    /// When it was noticed first.
    noticed: Instant,
    /// When to read the file.
    due: Instant,
}

impl WatchedFile {
    /// Watches the folder of a file.
    ///
    /// # Errors
    ///
    /// The system cannot watch the folder.
    pub(super) fn new(
        path: &Path,
        settle: Duration,
        sender: &Sender<Message>,
    ) -> notify::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            watcher: Some(watch(path, sender)?),
            last_read: None,
            change: None,
            settle,
        })
    }

    /// When to read the file, if it has changed.
    pub(super) fn due(&self) -> Option<Instant> {
        self.change.as_ref().map(|change| change.due)
    }

    /// Takes a change that is due. Gives when it was noticed.
    pub(super) fn take_due(&mut self) -> Option<Instant> {
        let is_due = |change: &mut Change| change.due <= Instant::now();
        self.change.take_if(is_due).map(|change| change.noticed)
    }

    /// Takes note that the file was read in this state. Gives whether the state was another before.
    pub(super) fn was_read(&mut self, state: Option<Stamp>) -> bool {
        mem::replace(&mut self.last_read, state) != state
    }

    /// Whether the file was last read in this state.
    pub(super) fn was_last_read_in(&self, state: Option<Stamp>) -> bool {
        self.last_read == state
    }

    /// Reads the file again after a moment, because it was written to while it was read. The change
    /// counts as noticed at that time.
    pub(super) fn read_again(&mut self, noticed: Instant) {
        self.change = Some(Change {
            noticed,
            due: after(Instant::now(), self.settle),
        });
    }

    /// Has the file read at once, whether it has changed or not.
    pub(super) fn read_now(&mut self) {
        self.read_after(Duration::ZERO);
    }

    /// Looks for a change that the system has not reported.
    pub(super) fn look_for_change(&mut self) {
        if self.change.is_none() && stamp(&self.path) != self.last_read {
            self.read_after(self.settle);
        }
    }

    /// Takes note of what the system reports.
    ///
    /// # Errors
    ///
    /// The reports have ended.
    pub(super) fn note(&mut self, event: notify::Result<notify::Event>) -> Result<(), Cause> {
        let event = event.inspect_err(|_| self.watcher = None)?;
        let name = self.path.file_name();
        let concerns = event.paths.iter().any(|path| path.file_name() == name);
        if !concerns && !event.need_rescan() {
            return Ok(());
        }
        match event.kind {
            EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both)) => {
                self.read_now();
            }
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                self.read_after(self.settle);
            }
            EventKind::Access(_) => {}
            _ => self.read_after(self.settle),
        }
        Ok(())
    }

    /// Has the file read after this time, and not before.
    fn read_after(&mut self, wait: Duration) {
        let now = Instant::now();
        let change = self.change.get_or_insert(Change {
            noticed: now,
            due: now,
        });
        change.due = after(now, wait).min(change.noticed + LONGEST_WAIT).max(now);
    }
}
