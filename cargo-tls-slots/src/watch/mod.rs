//! Builds modules again whenever their sources change, for a host that reloads them.
//!
//! The problem: an edited module must be built as [`build`] builds it, or the host refuses it;
//! a change that comes while cargo runs must not be lost; and a host that watches the file must never find
//! half of it, though cargo and the linker write it in place.
//!
//! | file | what it does |
//! | --- | --- |
//! | `mod.rs` | waits for changes, builds, says what became of it |
//! | `sources.rs` | which folders and files a project is built from |
//! | `publish.rs` | puts a built file into another folder at one stroke |
//!
//! # What counts as a change
//!
//! A project is its package and the packages that it depends on by path, as cargo's metadata tells them, without
//! dev-dependencies. All of their folders are watched, but for what cargo and this command make (target folders,
//! forks, published files), hidden files, and packages inside them that do not belong to it. So are the
//! `Cargo.toml` and `Cargo.lock` of their workspaces, and files elsewhere that the last build read, such as
//! those of an `include_str!`. Whether something has to be built is cargo's decision: a change of a file that it
//! does not read costs one `cargo build` that finds nothing to do.
//!
//! # How no change is lost
//!
//! The folders are watched before the first build begins, and changes wait in a queue while a build runs.
//! cargo takes a source that is newer than the *start* of the last build for changed, so one that was written
//! in the middle of a build is built once more. "Newer" is by the file's time, which the kernel counts in steps
//! of some milliseconds: a source that is read and changed within the step in which cargo began is cargo's blind spot.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use notify::event::ModifyKind;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::build::{self, Artifact, ArtifactKind, BuildOptions};

mod publish;
mod sources;

use sources::Sources;

/// How long nothing may change before a build begins: an editor that saves several files, or one file by
/// several steps, is one change.
const QUIET: Duration = Duration::from_millis(50);

/// A build begins after this, even if something changes all the time.
const PATIENCE: Duration = Duration::from_secs(2);

/// What to watch and build, and where to put it.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// The projects, and how they are built: those that are built alike together.
    pub builds: Vec<BuildOptions>,
    /// The folder that built libraries are published in, each replaced at one stroke. Without one, they stay
    /// where cargo writes them, and a reader may find half a file there.
    pub out: Option<PathBuf>,
}

/// Something that [`Watch::run`] did.
#[derive(Debug)]
#[non_exhaustive]
pub enum WatchEvent {
    /// A project was built, and the file is there.
    Built {
        /// What cargo made.
        artifact: Artifact,
        /// Where it is to be loaded from: the published file, or else cargo's.
        path: PathBuf,
        /// How long the build took, and the copy.
        took: Duration,
    },
    /// Something changed, and cargo had nothing to build.
    Unchanged {
        /// The project's manifest, as in the options.
        manifest: PathBuf,
        /// How long cargo took to find out.
        took: Duration,
    },
    /// A project could not be built. What was published stays.
    Failed {
        /// The project's manifest, as in the options.
        manifest: PathBuf,
        /// Why.
        error: Error,
        /// How long it took.
        took: Duration,
    },
}

/// Why something could not be watched, built or published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The build failed, or a project cannot be read.
    #[error(transparent)]
    Build(#[from] build::Error),
    /// The system does not report changes.
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
    /// Two projects make a file of the same name, and would take each other's place.
    #[error(
        "{first} and {second} both make {name}, and one folder has room for one of them; \
         give one of the libraries another name, or watch them with an --out each"
    )]
    SameName {
        /// A manifest.
        first: PathBuf,
        /// Another manifest.
        second: PathBuf,
        /// The file's name.
        name: String,
    },
}

enum Message {
    Changed(notify::Result<notify::Event>),
    Stop,
}

/// Ends a [`Watch`] from another thread, or from inside its callback.
#[derive(Clone, Debug)]
pub struct Stop(Sender<Message>);

impl Stop {
    /// [`Watch::run`] returns as soon as no build runs.
    pub fn stop(&self) {
        // It has ended already.
        let _ = self.0.send(Message::Stop);
    }
}

/// Projects that are watched.
///
/// # Examples
///
/// ```no_run
/// use cargo_tls_slots::build::BuildOptions;
/// use cargo_tls_slots::watch::{Watch, WatchEvent, WatchOptions};
///
/// let watch = Watch::new(WatchOptions {
///     builds: vec![BuildOptions::new(["modules/markdown"], "target/forks")],
///     out: Some("target/modules".into()),
/// })?;
/// watch.run(|event| match event {
///     WatchEvent::Built { path, .. } => println!("{} is new", path.display()),
///     WatchEvent::Failed { error, .. } => eprintln!("{error}"),
///     _ => {}
/// });
/// # Ok::<(), cargo_tls_slots::watch::Error>(())
/// ```
#[derive(Debug)]
pub struct Watch {
    options: WatchOptions,
    sender: Sender<Message>,
    messages: Receiver<Message>,
    watcher: RecommendedWatcher,
    projects: Vec<Project>,
    /// What is watched, as the system was told.
    watched: BTreeSet<PathBuf>,
    /// What was said to be built: the file's time and size, by its path.
    built: BTreeMap<PathBuf, (Option<SystemTime>, u64)>,
}

#[derive(Debug)]
struct Project {
    manifest: PathBuf,
    /// For this project alone.
    build: BuildOptions,
    sources: Sources,
    /// Whether it has to be built.
    changed: bool,
    /// Whether its manifests may say something else now.
    moved: bool,
}

impl Watch {
    /// Begins to watch the projects. What changes from here on is built by [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// [`Error::Build`] if a project cannot be read, [`Error::Watch`] if its folders cannot be watched: on Linux
    /// most often because `fs.inotify.max_user_watches` are in use.
    pub fn new(options: WatchOptions) -> Result<Self, Error> {
        let (sender, messages) = mpsc::channel();
        let events = sender.clone();
        let watcher = notify::recommended_watcher(move |event| {
            // Nobody listens any more.
            let _ = events.send(Message::Changed(event));
        });
        let watcher = watcher.map_err(|error| Error::Watch(PathBuf::from("."), error))?;
        let mut watch = Self {
            sender,
            messages,
            watcher,
            projects: Vec::new(),
            watched: BTreeSet::new(),
            built: BTreeMap::new(),
            options,
        };
        if let Some(out) = &watch.options.out {
            publish::prepare(out).map_err(|source| Error::Publish {
                from: PathBuf::from("the modules"),
                to: out.clone(),
                source,
            })?;
        }
        for build in &watch.options.builds {
            for manifest in &build.manifests {
                watch.projects.push(Project {
                    manifest: manifest.clone(),
                    build: BuildOptions {
                        manifests: vec![manifest.clone()],
                        ..build.clone()
                    },
                    sources: Sources::of(manifest)?,
                    changed: true,
                    moved: false,
                });
            }
        }
        watch.look()?;
        Ok(watch)
    }

    /// What ends [`run`](Self::run).
    pub fn stop(&self) -> Stop {
        Stop(self.sender.clone())
    }

    /// Builds every project, and then each one that changes, until it is told to [`stop`](Self::stop).
    ///
    /// A build that fails is an event, and so is everything else that goes wrong; the projects stay watched.
    pub fn run(mut self, mut on: impl FnMut(WatchEvent)) {
        let mut first = true;
        loop {
            for index in 0..self.projects.len() {
                if std::mem::take(&mut self.projects[index].changed) {
                    self.round(index, first, &mut on);
                }
            }
            first = false;
            if !self.wait() {
                return;
            }
        }
    }

    /// Builds one project, and says what became of it.
    fn round(&mut self, index: usize, first: bool, on: &mut impl FnMut(WatchEvent)) {
        let start = Instant::now();
        let manifest = self.projects[index].manifest.clone();
        let result = self.build(index, first);
        let took = start.elapsed();
        match result {
            Ok(built) if built.is_empty() => on(WatchEvent::Unchanged { manifest, took }),
            Ok(built) => {
                for (artifact, path) in built {
                    on(WatchEvent::Built {
                        artifact,
                        path,
                        took,
                    });
                }
            }
            Err(error) => on(WatchEvent::Failed {
                manifest,
                error,
                took,
            }),
        }
    }

    /// Builds one project; what was made anew, and where it is.
    fn build(&mut self, index: usize, first: bool) -> Result<Vec<(Artifact, PathBuf)>, Error> {
        let project = &mut self.projects[index];
        if std::mem::take(&mut project.moved) {
            // A manifest that cannot be read is the build's error, which shows more of it.
            if let Ok(sources) = Sources::of(&project.manifest) {
                project.sources = sources;
            }
            // Before cargo reads the files: what changes after this is seen.
            self.look()?;
        }
        if first && index == 0 {
            self.options.builds.iter().try_for_each(build::common)?;
        }
        let artifacts = build::build(&self.projects[index].build)?;
        let mut made = Vec::new();
        for artifact in artifacts {
            let stamp = fs::metadata(&artifact.path)
                .map(|data| (data.modified().ok(), data.len()))
                .unwrap_or((None, 0));
            // Not `artifact.fresh`: somebody else's cargo may have built it.
            if self.built.get(&artifact.path) == Some(&stamp) {
                continue;
            }
            let path = self.publish(&artifact)?;
            self.built.insert(artifact.path.clone(), stamp);
            self.projects[index].sources.read_by(&artifact.path);
            made.push((artifact, path));
        }
        self.look()?;
        Ok(made)
    }

    fn publish(&self, artifact: &Artifact) -> Result<PathBuf, Error> {
        let (Some(out), ArtifactKind::Cdylib) = (&self.options.out, artifact.kind) else {
            return Ok(artifact.path.clone());
        };
        let name = artifact.path.file_name().unwrap_or_default();
        let other = self.built.keys().find(|path| {
            **path != artifact.path && path.file_name() == Some(name) && is_library(path)
        });
        if let Some(other) = other {
            return Err(Error::SameName {
                first: other.clone(),
                second: artifact.path.clone(),
                name: name.display().to_string(),
            });
        }
        let to = out.join(name);
        publish::publish(&artifact.path, &to).map_err(|source| Error::Publish {
            from: artifact.path.clone(),
            to: to.clone(),
            source,
        })?;
        Ok(to)
    }

    /// Waits for a change of a project, and then until nothing has changed for a while. False if it is to end.
    fn wait(&mut self) -> bool {
        loop {
            match self.messages.recv() {
                Ok(Message::Changed(event)) => self.note(&event),
                Ok(Message::Stop) | Err(_) => return false,
            }
            if !self.projects.iter().any(|project| project.changed) {
                continue;
            }
            let end = Instant::now() + PATIENCE;
            while Instant::now() < end {
                match self.messages.recv_timeout(QUIET) {
                    Ok(Message::Changed(event)) => self.note(&event),
                    Err(RecvTimeoutError::Timeout) => break,
                    Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
                }
            }
            return true;
        }
    }

    /// Marks the projects that a change concerns.
    fn note(&mut self, event: &notify::Result<notify::Event>) {
        let Ok(event) = event else {
            // Nobody knows what was missed.
            self.projects.iter_mut().for_each(Project::all);
            return;
        };
        if event.need_rescan() {
            self.projects.iter_mut().for_each(Project::all);
            return;
        }
        match event.kind {
            // cargo and the compiler read all of the sources.
            EventKind::Access(_) | EventKind::Modify(ModifyKind::Other) | EventKind::Other => {
                return;
            }
            _ => {}
        }
        let out = self.options.out.as_deref();
        for path in &event.paths {
            for project in &mut self.projects {
                let without = [Some(&*project.build.fork_dir), out];
                if !project.sources.concerns(path, &without) {
                    continue;
                }
                project.changed = true;
                let is_manifest = path.file_name().is_some_and(|name| name == "Cargo.toml");
                // A folder has to be watched, and may have others in it.
                project.moved |= is_manifest || path.is_dir();
            }
            if matches!(event.kind, EventKind::Remove(_)) {
                // Should it come back, it is another folder to the system.
                self.watched.remove(path);
            }
        }
    }

    /// Watches what is not watched yet.
    fn look(&mut self) -> Result<(), Error> {
        let out = self.options.out.as_deref();
        let mut wanted = BTreeSet::new();
        for project in &self.projects {
            let without = [Some(&*project.build.fork_dir), out];
            project.sources.folders(&without, &mut wanted);
        }
        for gone in self.watched.difference(&wanted) {
            // It may be gone by itself.
            let _ = self.watcher.unwatch(gone);
        }
        self.watched.retain(|folder| wanted.contains(folder));
        for folder in wanted {
            if self.watched.contains(&folder) {
                continue;
            }
            match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.watched.insert(folder)),
                // It went away again; whoever removed it changed its parent.
                Err(_) if !folder.is_dir() => {}
                Err(error) => return Err(Error::Watch(folder, error)),
            }
        }
        Ok(())
    }
}

impl Project {
    fn all(&mut self) {
        self.changed = true;
        self.moved = true;
    }
}

fn is_library(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["so", "dylib", "dll"]
            .iter()
            .any(|known| extension == *known)
    })
}
