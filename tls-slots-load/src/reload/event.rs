//! What a reload reports: [`ReloadEvent`] for each step, and [`ReloadError`] for what went wrong.
//!
//! After the first build, nobody waits for a result of the reloading thread. So errors are events
//! too.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::generation::Cause;
use crate::open::error::LoadError;
use crate::usage::Usage;

/// A step of a reload. Its text is one sentence.
#[derive(Debug)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "events are few, and each is handed over once"
)]
pub enum ReloadEvent {
    /// A new build is loaded, and no call goes to it yet.
    Loaded {
        /// Its number, see [`Generation::number`](super::Generation::number).
        generation: u64,
        /// How long it took to check and load it.
        took: Duration,
    },
    /// New calls go to this build from now on, and none goes to an older one.
    Switched {
        /// The new build.
        generation: u64,
        /// The time since the file's change was noticed.
        since_change: Duration,
    },
    /// The new build was refused. The build that ran before goes on.
    Refused {
        /// Why it was refused.
        error: ReloadError,
    },
    /// The file was changed, but its content is the build that runs already.
    Unchanged,
    /// An old build is unmapped, or one that `bind` has refused.
    Unloaded {
        /// That build.
        generation: u64,
        /// The time since the switch to the newer build, or since the refusal.
        took: Duration,
    },
    /// An old build is not unloaded yet. It is tried again.
    StillInUse {
        /// That build.
        generation: u64,
        /// How many references to its [`Generation`](super::Generation) others hold. If there are
        /// any, the unloading has not begun.
        references: usize,
        /// What [`Module::unload`](crate::Module::unload) said, if the unloading has begun.
        error: Option<String>,
        /// What of it is alive, if that is the reason.
        usage: Option<Usage>,
    },
    /// The system reports no more changes. From now on the file is looked at from time to time, see
    /// [`ReloadOptions::poll`](super::ReloadOptions::poll).
    WatchLost {
        /// What the system said.
        error: Cause,
    },
    /// The reloading has ended. The newest build goes on. This is the last event.
    Ended {
        /// The text of the panic that has ended it. `None` if the host has stopped it, or has
        /// dropped the [`Reload`](super::Reload).
        panic: Option<String>,
    },
}

impl fmt::Display for ReloadEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded { generation, took } => {
                write!(f, "build {generation} is loaded, in {took:.1?}")
            }
            Self::Switched {
                generation,
                since_change,
            } => write!(
                f,
                "build {generation} takes the calls, {since_change:.1?} after its file changed"
            ),
            Self::Refused { error } => {
                write!(f, "the new build is not taken: {error}")?;
                let mut cause = error.source();
                while let Some(error) = cause {
                    write!(f, ": {error}")?;
                    cause = error.source();
                }
                Ok(())
            }
            Self::Unchanged => f.write_str("the file has changed, and not its content"),
            Self::Unloaded { generation, took } => write!(
                f,
                "build {generation} is unloaded, {took:.1?} after it gave way"
            ),
            Self::StillInUse {
                generation,
                references,
                error,
                ..
            } => {
                write!(f, "build {generation} is still in use: ")?;
                match (references, error) {
                    (0, Some(error)) => f.write_str(error),
                    (0, None) => f.write_str("it is being unloaded"),
                    (1, _) => f.write_str("somebody holds its generation"),
                    (count, _) => write!(f, "its generation is held {count} times"),
                }
            }
            Self::WatchLost { error } => write!(
                f,
                "the system reports no changes of the file any more, it is looked at from time to \
                 time: {error}"
            ),
            Self::Ended { panic: None } => f.write_str("the reloading is stopped"),
            Self::Ended { panic: Some(text) } => write!(
                f,
                "the reloading has ended, as its thread panicked: {text}; the newest build goes on"
            ),
        }
    }
}

/// Why a build was refused, or why a file is not watched.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReloadError {
    /// The file was not loaded.
    Load(LoadError),
    /// The host's `bind` has refused the build.
    Bind {
        /// The file.
        path: PathBuf,
        /// The error that `bind` has returned.
        source: Cause,
    },
    /// The host's `bind` has panicked.
    BindPanicked {
        /// The file.
        path: PathBuf,
        /// The panic's text.
        message: String,
    },
    /// The system does not report changes in the file's folder.
    Watch {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: Cause,
    },
    /// The reloading thread could not be started.
    Thread(io::Error),
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // This text names the file.
            Self::Load(error) => error.fmt(f),
            Self::Bind { path, .. } => {
                write!(f, "this host does not take {}", path.display())
            }
            Self::BindPanicked { path, message } => write!(
                f,
                "this host's `bind` panicked with {}: {message}",
                path.display()
            ),
            Self::Watch { path, .. } => write!(
                f,
                "this host cannot watch the folder of {}; does it exist?",
                path.display()
            ),
            Self::Thread(_) => f.write_str("the reloading thread could not be started"),
        }
    }
}

impl Error for ReloadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Load(error) => error.source(),
            Self::Bind { source, .. } | Self::Watch { source, .. } => Some(&**source),
            Self::BindPanicked { .. } => None,
            Self::Thread(error) => Some(error),
        }
    }
}

impl From<LoadError> for ReloadError {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}
