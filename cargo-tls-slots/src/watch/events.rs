//! What to watch, what becomes of it, and what can go wrong.
//!
//! Everything that happens after [`Watch::new`](super::Watch::new) is an event, errors included: an
//! edit that does not compile, or a `Cargo.toml` that is half saved, must not end the watch.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::build::{self, Artifact, BuildOptions};

/// What to watch and build, and where to put it.
///
/// # Examples
///
/// Two modules that are built alike, published in one folder:
///
/// ```
/// use cargo_tls_slots::build::BuildOptions;
/// use cargo_tls_slots::watch::WatchOptions;
///
/// let options = WatchOptions {
///     builds: vec![BuildOptions::new(["modules/a", "modules/b"], "target/forks")],
///     out: Some("target/live".into()),
/// };
/// assert_eq!(options.builds[0].cargo_tomls.len(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// The projects, and how they are built. Projects with the same options can share an element.
    pub builds: Vec<BuildOptions>,
    /// The folder that built libraries are published in, each replaced at one stroke.
    ///
    /// Without a folder, libraries stay where cargo writes them, and a reader may find half a file.
    pub out: Option<PathBuf>,
}

/// Something that [`Watch::run`](super::Watch::run) did.
///
/// A project of several libraries gives one [`Built`](WatchEvent::Built) for each that is new. A
/// project that was built to no effect gives one [`Unchanged`](WatchEvent::Unchanged). So each
/// build gives an event, and a caller knows when the watch has caught up.
#[derive(Debug)]
#[non_exhaustive]
pub enum WatchEvent {
    /// A project was built, and the file is there.
    Built {
        /// What cargo made.
        artifact: Artifact,
        /// The file to load: the published one, or else cargo's.
        path: PathBuf,
        /// How long the build and the copy took.
        took: Duration,
    },
    /// Something changed, and cargo had nothing to build.
    Unchanged {
        /// The project's `Cargo.toml`, as in the options.
        cargo_toml: PathBuf,
        /// How long cargo took to find that out.
        took: Duration,
    },
    /// A project could not be built. What was published stays.
    Failed {
        /// The project's `Cargo.toml`, as in the options.
        cargo_toml: PathBuf,
        /// Why it could not be built.
        error: Error,
        /// How long the attempt took.
        took: Duration,
    },
}

/// Why something could not be watched, built or published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The build failed, or a project cannot be read, or lock files disagree.
    #[error(transparent)]
    Build(#[from] build::Error),
    /// The system does not report changes.
    ///
    /// On Linux each watched folder takes one of `fs.inotify.max_user_watches`, and each watch one
    /// of `fs.inotify.max_user_instances`; editors and file managers take them, too.
    #[error("cannot watch {0} for changes")]
    Watch(PathBuf, #[source] notify::Error),
    /// The built file could not be put into its folder.
    #[error("cannot publish {from} as {to}")]
    Publish {
        /// What cargo made.
        from: PathBuf,
        /// Where it was to go.
        to: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Two projects make a file of the same name, and each would replace the other's.
    #[error(
        "{first} and {second} both make {name}, and one folder has room for one of them; \
         give one of the libraries another name, or watch them with an --out each"
    )]
    SameName {
        /// The file of one project, where cargo made it.
        first: PathBuf,
        /// The file of the other project.
        second: PathBuf,
        /// The name of both.
        name: String,
    },
}
