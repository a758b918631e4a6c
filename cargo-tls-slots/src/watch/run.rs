//! The loop: waits for changes, builds what has changed, and says what became of it.
//!
//! ```text
//!             ┌────────────────────────────────────────────────┐
//!             v                                                │
//!   build what has changed ──> wait for a change ──> wait until it is quiet
//!    (one event each)             │                    (QUIET, at most PATIENCE)
//!                                 └── Stop ──> end
//! ```
//!
//! One channel carries the changes that the system reports and the request to stop. So there is one
//! place to wait, and what comes during a build waits in the channel.
//!
//! A project has two marks. `changed` has it built in the next round. `moved` has its sources found
//! out anew before that, because a `Cargo.toml` or a folder has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use notify::event::ModifyKind;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::events::{Error, WatchEvent, WatchOptions};
use super::publish;
use super::sources::Sources;
use crate::build::{self, Artifact, ArtifactKind, BuildOptions};

/// How long nothing may change before a build begins. An editor may save several files, or one file
/// in several steps, and all of that is one change.
const QUIET: Duration = Duration::from_millis(50);

/// A build begins after this time, even if something changes all the time.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the loop of [`Watch::run`] waits for.
enum Message {
    /// The system reports a change, or that it cannot report changes.
    Changed(notify::Result<notify::Event>),
    /// A [`Stop`] was used.
    Stop,
}

/// Ends a [`Watch`] from another thread, or from inside its callback.
#[derive(Clone, Debug)]
pub struct Stop(Sender<Message>);

impl Stop {
    /// Has [`Watch::run`] return as soon as no build runs. Nothing happens if it has returned.
    pub fn stop(&self) {
        // The receiver is gone if `run` has returned.
        let _ = self.0.send(Message::Stop);
    }
}

/// Projects that are watched, and built when they change.
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
    /// The folders that the system was told to watch.
    watched: BTreeSet<PathBuf>,
    /// The files that an event was sent for: each file's time and size, by its path.
    built: BTreeMap<PathBuf, (Option<SystemTime>, u64)>,
}

/// One project of the options.
#[derive(Debug)]
struct Project {
    /// As in the options.
    cargo_toml: PathBuf,
    /// The options, with this project alone.
    build: BuildOptions,
    sources: Sources,
    /// Whether the project has to be built.
    changed: bool,
    /// Whether `sources` may be out of date: a `Cargo.toml` or a folder has changed.
    moved: bool,
}

impl Watch {
    /// Begins to watch the projects. What changes from here on is built by [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// - [`Error::Build`] if a project cannot be read.
    /// - [`Error::Publish`] if the folder of the options cannot be made.
    /// - [`Error::Watch`] if the folders of a project cannot be watched. On Linux the usual reason
    ///   is that all of `fs.inotify.max_user_watches` are in use.
    pub fn new(options: WatchOptions) -> Result<Self, Error> {
        let (sender, messages) = mpsc::channel();
        let events = sender.clone();
        let watcher = notify::recommended_watcher(move |event| {
            // The receiver is gone when the watch has ended.
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
            for cargo_toml in &build.cargo_tomls {
                watch.projects.push(Project {
                    cargo_toml: cargo_toml.clone(),
                    build: BuildOptions {
                        cargo_tomls: vec![cargo_toml.clone()],
                        ..build.clone()
                    },
                    sources: Sources::of(cargo_toml).map_err(build::Error::from)?,
                    changed: true,
                    moved: false,
                });
            }
        }
        watch.watch_folders()?;
        Ok(watch)
    }

    /// A handle that ends [`run`](Self::run), from another thread or from its callback.
    pub fn stop(&self) -> Stop {
        Stop(self.sender.clone())
    }

    /// Builds every project, and then each project that changes, until a [`Stop`] is used.
    ///
    /// Whatever goes wrong is an event, such as a build that fails, and the projects stay watched.
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

    /// Builds one project, and sends the event that tells what became of it.
    fn round(&mut self, index: usize, first: bool, on: &mut impl FnMut(WatchEvent)) {
        let start = Instant::now();
        let cargo_toml = self.projects[index].cargo_toml.clone();
        let result = self.build(index, first);
        let took = start.elapsed();
        match result {
            Ok(built) if built.is_empty() => on(WatchEvent::Unchanged { cargo_toml, took }),
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
                cargo_toml,
                error,
                took,
            }),
        }
    }

    /// Builds one project. Returns each file that was made anew, and the path to load it from.
    fn build(&mut self, index: usize, first: bool) -> Result<Vec<(Artifact, PathBuf)>, Error> {
        let project = &mut self.projects[index];
        if std::mem::take(&mut project.moved) {
            // What is wrong with a `Cargo.toml` is an error of the build, which shows more of it.
            if let Ok(sources) = Sources::of(&project.cargo_toml) {
                project.sources = sources;
            }
            // Before cargo reads the files, so that what changes after that is seen.
            self.watch_folders()?;
        }
        if first && index == 0 {
            self.options
                .builds
                .iter()
                .try_for_each(build::check_versions)?;
        }
        let artifacts = build::build(&self.projects[index].build)?;
        let mut made = Vec::new();
        for artifact in artifacts {
            let stamp = fs::metadata(&artifact.path)
                .map(|data| (data.modified().ok(), data.len()))
                .unwrap_or((None, 0));
            // `artifact.fresh` would not do: another cargo may have built the file.
            if self.built.get(&artifact.path) == Some(&stamp) {
                continue;
            }
            let path = self.publish(&artifact)?;
            self.built.insert(artifact.path.clone(), stamp);
            self.projects[index].sources.read_by(&artifact.path);
            made.push((artifact, path));
        }
        self.watch_folders()?;
        Ok(made)
    }

    /// Publishes a library, if there is a folder for that. Returns the path to load.
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

    /// Waits for a change of a project, and then until nothing has changed for a while. Returns
    /// false if the watch is to end.
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
    ///
    /// | the system says | what is marked |
    /// | --- | --- |
    /// | it does not know what has changed: an error, or a full queue | all projects, as moved |
    /// | a file was opened, read or closed | nothing |
    /// | anything else, at a path | each project that the path is a source of |
    fn note(&mut self, event: &notify::Result<notify::Event>) {
        let Ok(event) = event else {
            // Any change may have been missed.
            self.projects.iter_mut().for_each(Project::all_changed);
            return;
        };
        if event.need_rescan() {
            self.projects.iter_mut().for_each(Project::all_changed);
            return;
        }
        match event.kind {
            // Every build reads all of the sources, and a read is no change.
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
                let is_cargo_toml = path.file_name().is_some_and(|name| name == "Cargo.toml");
                // A new folder has to be watched, and may have others in it.
                project.moved |= is_cargo_toml || path.is_dir();
            }
            if matches!(event.kind, EventKind::Remove(_)) {
                // A folder of the same name that comes later is another one to the system.
                self.watched.remove(path);
            }
        }
    }

    /// Has the system watch all folders of all projects, and no other.
    ///
    /// # Errors
    ///
    /// [`Error::Watch`] for a folder that is there and cannot be watched.
    fn watch_folders(&mut self) -> Result<(), Error> {
        let out = self.options.out.as_deref();
        let mut wanted = BTreeSet::new();
        for project in &self.projects {
            let without = [Some(&*project.build.fork_dir), out];
            project.sources.folders(&without, &mut wanted);
        }
        for gone in self.watched.difference(&wanted) {
            // An error here means that the folder itself is gone.
            let _ = self.watcher.unwatch(gone);
        }
        self.watched.retain(|folder| wanted.contains(folder));
        for folder in wanted {
            if self.watched.contains(&folder) {
                continue;
            }
            match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.watched.insert(folder)),
                // The folder is gone again. Its removal is a change of its parent.
                Err(_) if !folder.is_dir() => {}
                Err(error) => return Err(Error::Watch(folder, error)),
            }
        }
        Ok(())
    }
}

impl Project {
    /// Anything may have changed.
    fn all_changed(&mut self) {
        self.changed = true;
        self.moved = true;
    }
}

/// Whether a file is named as a shared library is, on one of the three systems.
fn is_library(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["so", "dylib", "dll"]
            .iter()
            .any(|known| extension == *known)
    })
}
