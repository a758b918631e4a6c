//! The three modules, loaded and typed, once or again and again.
//!
//! The problem: a module is a file, and what it exports is a name.
//!
//! The way: each name gets its type here, once for each build, so that the rest of the host calls
//! async functions.
//!
//! With `--watch` a module's file is followed. A page takes the build that is the newest when the
//! page begins, and keeps that build to its end. So a new build never comes between two calls of a
//! page.
//!
//! The math module has a call that lasts: its service. Each build has a service of its own, with a
//! channel of its own, whose sending end belongs to the build's value here. When the build gives
//! way, that end is dropped, and the pages' copies of the end with the pages. So the service ends,
//! and the build can be unloaded.

use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use site_contract::{Formula, Job, Page, Tasks};
use tls_slots_load::{
    CallError, Entry, Function, Generation, LoadError, Module, Reload, ReloadEvent, ReloadOptions,
};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::args::ModuleFiles;
use crate::locks::unpoisoned;
use crate::output::say;

/// Renders one page.
type MarkdownRender = Entry<fn(Job) -> Result<Page, String>>;
/// Converts formulas until the channel ends; returns how many there were.
type MathServe = Entry<fn(mpsc::Receiver<Formula>) -> Result<u64, String>>;
/// Compiles a style sheet.
type StyleRender = Entry<fn(PathBuf) -> Result<String, String>>;
/// What a module did so far.
type CountTasks = Function<fn() -> Tasks>;

/// Formulas that may wait for the math module before the pages' tasks have to.
const FORMULAS_IN_FLIGHT: usize = 64;

/// How long an old build may take to be let go: as long as the slowest page.
const DEADLINE: Duration = Duration::from_secs(30);

/// A build of the Markdown module.
pub(crate) struct Markdown {
    pub(crate) render: MarkdownRender,
    pub(crate) panic: MarkdownRender,
    tasks: CountTasks,
}

impl Markdown {
    fn bind(module: &Module, _: &Services) -> Result<Self, LoadError> {
        Ok(Self {
            render: module.entry("markdown_render")?,
            panic: module.entry("markdown_panic")?,
            tasks: module.function("markdown_tasks")?,
        })
    }
}

/// A build of the math module, whose service runs.
pub(crate) struct Math {
    /// To the service, which ends when this and its clones are gone.
    pub(crate) formulas: mpsc::Sender<Formula>,
    tasks: CountTasks,
}

impl Math {
    fn bind(module: &Module, services: &Services) -> Result<Self, LoadError> {
        let serve: MathServe = module.entry("math_serve")?;
        let tasks = module.function("math_tasks")?;
        let (formulas, asked) = mpsc::channel(FORMULAS_IN_FLIGHT);
        services.start(serve, asked);
        Ok(Self { formulas, tasks })
    }
}

/// A build of the style module.
pub(crate) struct Style {
    pub(crate) render: StyleRender,
    tasks: CountTasks,
}

impl Style {
    fn bind(module: &Module, _: &Services) -> Result<Self, LoadError> {
        Ok(Self {
            render: module.entry("style_render")?,
            tasks: module.function("style_tasks")?,
        })
    }
}

/// The services of all builds of the math module.
struct Services {
    /// Builds are bound on a thread that is none of the runtime's.
    runtime: Handle,
    running: Mutex<Vec<JoinHandle<Result<u64, String>>>>,
}

impl Services {
    /// Runs the service of one build, on the runtime.
    fn start(&self, serve: MathServe, asked: mpsc::Receiver<Formula>) {
        let call = serve.call((asked,));
        let service = self.runtime.spawn(async move { flatten(call.await) });
        self.lock().push(service);
    }

    /// The services that run.
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<Result<u64, String>>>> {
        unpoisoned(self.running.lock())
    }

    /// Waits for all of them; how many formulas they have converted.
    async fn ended(&self, patience: Duration) -> Result<u64, String> {
        let running = std::mem::take(&mut *self.lock());
        let mut converted = 0;
        for service in running {
            converted += timeout(patience, service)
                .await
                .map_err(|_| format!("the math module's service did not end within {patience:?}"))?
                .map_err(|error| format!("the math module's service failed: {error}"))?
                .map_err(|error| format!("the math module: {error}"))?;
        }
        Ok(converted)
    }
}

/// A module: one build for good, or whichever is the newest.
enum Slot<T> {
    Fixed(Arc<T>),
    Live(Reload<T>),
}

/// A build in use. While it is, it is not unloaded.
pub(crate) enum Build<T> {
    Fixed(Arc<T>),
    Live(Arc<Generation<T>>),
}

impl<T> Deref for Build<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Fixed(value) => value,
            Self::Live(generation) => generation.value(),
        }
    }
}

impl<T> Build<T> {
    /// Its number, if there may be others.
    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            Self::Fixed(_) => None,
            Self::Live(generation) => Some(generation.number()),
        }
    }
}

impl<T: Send + Sync + 'static> Slot<T> {
    /// Loads a module, once or whenever its file changes. `bind` looks the entries of a build up.
    fn open(
        name: &'static str,
        file: &Path,
        watch: bool,
        services: &Arc<Services>,
        bind: fn(&Module, &Services) -> Result<T, LoadError>,
    ) -> Result<Self, String> {
        if !watch {
            // SAFETY: the driver built the file from this repository's sources, with the compiler,
            // the profile and the tokio that it built this program with, which is what `load` asks
            // for. The module's constructors do nothing but register its keys.
            let module = unsafe { Module::load(file) }.map_err(text)?;
            let value = bind(&module, services).map_err(text)?;
            return Ok(Self::Fixed(Arc::new(value)));
        }
        let runtime = services.runtime.clone();
        let options = ReloadOptions::new()
            .deadline(DEADLINE)
            .drive(move |work| drop(runtime.spawn(work)))
            .on_event(move |event| match event {
                ReloadEvent::Loaded { .. } | ReloadEvent::Unchanged => {}
                event => say(&format!("{name}: {event}\n")),
            });
        let services = Arc::clone(services);
        // SAFETY: the driver's watcher builds each file as the driver does: from this repository's
        // sources, with the compiler, the profile and the tokio of this program. The watcher
        // publishes a file by a rename, so none changes while it is in use. Of what the entries
        // return, only plain data outlives the call.
        let reload = unsafe { options.watch(file, move |module| Ok(bind(module, &services)?)) };
        reload.map(Self::Live).map_err(text)
    }

    /// The build to use for a page that begins now.
    fn build(&self) -> Build<T> {
        match self {
            Self::Fixed(value) => Build::Fixed(Arc::clone(value)),
            Self::Live(reload) => Build::Live(reload.current()),
        }
    }

    /// Lets the last build go, when the others are gone.
    async fn end(self) -> Result<(), String> {
        match self {
            Self::Fixed(value) => drop(value),
            Self::Live(reload) => {
                let last = spawn_blocking(move || reload.stop()).await;
                drop(last.map_err(|error| format!("the reload did not end: {error}"))?);
            }
        }
        Ok(())
    }
}

/// The modules.
pub(crate) struct Modules {
    markdown: Slot<Markdown>,
    math: Slot<Math>,
    style: Slot<Style>,
    services: Arc<Services>,
}

impl Modules {
    /// Loads the three files, and looks the entries up; with `watch`, again whenever one changes.
    pub(crate) fn load(files: &ModuleFiles, watch: bool) -> Result<Self, String> {
        let services = Arc::new(Services {
            runtime: Handle::current(),
            running: Mutex::default(),
        });
        Ok(Self {
            markdown: Slot::open(
                "markdown",
                &files.markdown,
                watch,
                &services,
                Markdown::bind,
            )?,
            math: Slot::open("math", &files.math, watch, &services, Math::bind)?,
            style: Slot::open("style", &files.style, watch, &services, Style::bind)?,
            services,
        })
    }

    /// The Markdown module's build for a page that begins now.
    pub(crate) fn markdown(&self) -> Build<Markdown> {
        self.markdown.build()
    }

    /// The math module's.
    pub(crate) fn math(&self) -> Build<Math> {
        self.math.build()
    }

    /// The style module's.
    pub(crate) fn style(&self) -> Build<Style> {
        self.style.build()
    }

    /// What each module's newest build did so far.
    pub(crate) fn tasks(&self) -> Result<Vec<(&'static str, Tasks)>, String> {
        [
            ("markdown", self.markdown().tasks.call(())),
            ("math", self.math().tasks.call(())),
            ("style", self.style().tasks.call(())),
        ]
        .into_iter()
        .map(|(name, tasks)| Ok((name, tasks.map_err(|error| format!("{name}: {error}"))?)))
        .collect()
    }

    /// Ends the watching and the services; how many formulas these have converted.
    pub(crate) async fn end(self, patience: Duration) -> Result<u64, String> {
        self.markdown.end().await?;
        self.math.end().await?;
        self.style.end().await?;
        self.services.ended(patience).await
    }
}

/// An error with all that caused it, in one line.
fn text(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A module's panic, as the error that it is to the host.
pub(crate) fn flatten<T, E: From<String>>(
    outcome: Result<Result<T, E>, CallError>,
) -> Result<T, E> {
    outcome.unwrap_or_else(|error| Err(format!("{error}").into()))
}

impl fmt::Debug for Modules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Modules").finish_non_exhaustive()
    }
}
