//! Hot reload: a host that runs on while its module is built anew.
//!
//! The problem: `dlopen` gives the old code for a path that it knows, a file may be looked at while it is
//! written, a new build may not fit, and an old one cannot be unmapped while calls of it run. And none of the
//! calls that come meanwhile may fail for any of these reasons.
//!
//! A [`Reload`] has a thread that watches the file. Each build of it is a [`Generation`], which goes this way:
//!
//! | step | if it fails | event |
//! | --- | --- | --- |
//! | the file changes, and is complete as far as can be seen | | |
//! | it is checked, copied and loaded as [`Module::load`] does, beside the old build | the old one stays | `Refused` |
//! | | | `Loaded` |
//! | the host binds its entries, and says whether it likes it | the old one stays, the new one is unloaded | `Refused` |
//! | new calls go to the new build | | `Switched` |
//! | nobody holds the old [`Generation`] any more | it stays; tried again | `StillInUse` |
//! | the old one is unloaded as [`Module::unload`] does | it stays; tried again | `StillInUse` |
//! | | | `Unloaded` |
//!
//! | file | what it does |
//! | --- | --- |
//! | `mod.rs` | what a host uses |
//! | `cell.rs` | which generation is the newest, without a lock |
//! | `event.rs` | what is reported |
//! | `worker.rs` | the thread |
//!
//! # No call is lost
//!
//! A generation is closed ([`CallError::Closed`](crate::CallError::Closed)) only when nobody can call it any more:
//! when no thread is between reading which generation is the newest and beginning its call, and nobody
//! holds an `Arc` of it. So a call by a [`ReloadEntry`], or by what [`Reload::current`] has given, begins; in the
//! newest generation, or in one that was the newest when it was asked for. Once `Switched` was reported, no
//! call of a [`ReloadEntry`] begins in an older one.
//!
//! # State
//!
//! Statics of a module are those of its generation. What must survive lives in the host, or in shared keys. What
//! a generation needs for itself, such as the sending half of a channel whose receiver a long-lived call of it
//! has, belongs into the value that `bind` returns: it is dropped when the generation is let go, and so the call
//! ends before the module is unloaded.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tls_keys::entry::Signature;

use super::{Call, CallError, Entry, Function, LoadOptions, Module};
use cell::Cell;
use worker::{Message, Worker};

mod cell;
mod event;
mod worker;

pub use event::{ReloadError, ReloadEvent};

/// How long [`Reload::stop`] waits between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// What a host's check of a new build fails with.
type Cause = Box<dyn Error + Send + Sync>;

/// Something to be run to its end.
type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One build of a module, loaded, with what the host bound of it.
///
/// The build is not unloaded while anybody holds this.
pub struct Generation<T> {
    number: u64,
    loaded: SystemTime,
    value: T,
    /// After the value, so that it is dropped last.
    module: Module,
}

impl<T> Generation<T> {
    /// 1 for the first build that was loaded, and one more for each after it.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When it was loaded.
    pub fn loaded(&self) -> SystemTime {
        self.loaded
    }

    /// What `bind` has returned for it.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The module. A clone of it keeps it from being unloaded.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The module, once nobody else holds this generation: to unload it at the end.
    ///
    /// # Errors
    ///
    /// Gives the generation back if somebody else holds it.
    pub fn into_module(self: Arc<Self>) -> Result<Module, Arc<Self>> {
        let (value, module) = self.parts()?;
        drop(value);
        Ok(module)
    }

    fn parts(self: Arc<Self>) -> Result<(T, Module), Arc<Self>> {
        let Self { value, module, .. } = Arc::try_unwrap(self)?;
        Ok((value, module))
    }
}

impl<T> fmt::Debug for Generation<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("number", &self.number)
            .field("loaded", &self.loaded)
            .field("module", &self.module)
            .finish_non_exhaustive()
    }
}

/// What [`Reload`], its entries and its thread share.
struct Shared<T> {
    /// None once the reload was stopped.
    newest: Cell<Generation<T>>,
    path: PathBuf,
}

impl<T> Shared<T> {
    /// What a call after the end gives.
    fn closed(&self) -> CallError {
        CallError::Closed {
            path: self.path.clone(),
        }
    }
}

/// How a module is reloaded.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
/// use tls_slots::{Entry, ReloadEvent, ReloadOptions};
///
/// type Render = Entry<fn(String) -> String>;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let options = ReloadOptions::new()
///     .deadline(Duration::from_secs(5))
///     .on_event(|event: ReloadEvent| eprintln!("{event}"));
/// // SAFETY: `cargo tls-slots watch` puts builds of our own there, for this host, each at one stroke;
/// // their entries take and give plain data.
/// let reload = unsafe {
///     options.watch("live/libmarkdown.so", |module| {
///         let render: Render = module.entry("render")?;
///         Ok(render)
///     })?
/// };
/// let render = reload.entry(|render: &Render| render);
/// let html = render.call(("# Title".to_owned(),)).await?; // the newest build, whenever this is
/// # Ok(()) }
/// ```
pub struct ReloadOptions {
    load: LoadOptions,
    deadline: Duration,
    abort_after: Option<Duration>,
    retry: Duration,
    settle: Duration,
    poll: Duration,
    on_event: Option<Box<dyn FnMut(ReloadEvent) + Send>>,
    drive: Option<Box<dyn Fn(Work) + Send>>,
}

impl Default for ReloadOptions {
    fn default() -> Self {
        Self {
            load: LoadOptions::new(),
            deadline: Duration::from_secs(10),
            abort_after: None,
            retry: Duration::from_secs(1),
            settle: Duration::from_millis(50),
            poll: Duration::from_secs(1),
            on_event: None,
            drive: None,
        }
    }
}

impl ReloadOptions {
    /// What the methods say is the default.
    pub fn new() -> Self {
        Self::default()
    }

    /// The conditions on which a build is loaded. Without this, as [`Module::load`].
    ///
    /// [`LoadOptions::source`] and [`LoadOptions::new_instance`] have no effect: each build is loaded from a copy
    /// of its own.
    pub fn load(mut self, load: LoadOptions) -> Self {
        self.load = load;
        self
    }

    /// How long an old build may take to be let go, and then to be unloaded, before it is reported as
    /// [`ReloadEvent::StillInUse`]. 10 seconds by default.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// When an old build's tasks are aborted; see [`Unload::abort_after`](crate::Unload::abort_after).
    pub fn abort_after(mut self, time: Duration) -> Self {
        self.abort_after = Some(time);
        self
    }

    /// How long after a failure it is tried again to unload an old build. One second by default.
    pub fn retry(mut self, retry: Duration) -> Self {
        self.retry = retry;
        self
    }

    /// How long a file that is written to must have stayed the same before it is read. 50 milliseconds by
    /// default. A file that takes the place of the old one by a rename is read at once.
    pub fn settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    /// How often the file's time and size are looked at without being told of a change: for links whose target
    /// changes, and for file systems that report nothing. One second by default.
    pub fn poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// Told of each step. It runs on the reloading thread, which waits for it.
    pub fn on_event(mut self, on_event: impl FnMut(ReloadEvent) + Send + 'static) -> Self {
        self.on_event = Some(Box::new(on_event));
        self
    }

    /// Runs the futures that unload old builds, for instance on a runtime:
    /// `drive(move |work| { handle.spawn(work); })`.
    ///
    /// Without it the reloading thread polls them, which is enough unless a module's `shutdown` entry needs a
    /// runtime around it.
    pub fn drive(mut self, drive: impl Fn(Work) + Send + 'static) -> Self {
        self.drive = Some(Box::new(drive));
        self
    }

    /// Loads the module, and watches its file from here on.
    ///
    /// `bind` looks up what the host needs of a build, on the calling thread for the first one, and on the
    /// reloading thread for the others. It may start things that belong to the build, and an error of its
    /// refuses it.
    ///
    /// # Errors
    ///
    /// [`ReloadError`] if the first build is not loaded, or the file's folder cannot be watched. Later on, errors
    /// are events.
    ///
    /// # Safety
    ///
    /// For every file that comes to this path while it is watched, the caller promises what [`Module::load`] asks
    /// for; for every build that gives way to another, what [`Module::unload`] asks for, from the moment that its
    /// [`Generation`] is dropped. A file that is written in place may be read between two writes: that is noticed if
    /// it is cut off or still changes, and not if the writer pauses for longer than
    /// [`settle`](Self::settle) with a part of the new content over the old one. So builds should come by a
    /// rename, as from `cargo tls-slots watch --out`.
    pub unsafe fn watch<T: Send + Sync + 'static>(
        self,
        path: impl AsRef<Path>,
        bind: impl Fn(&Module) -> Result<T, Cause> + Send + 'static,
    ) -> Result<Reload<T>, ReloadError> {
        // SAFETY: the caller's promise.
        unsafe { Worker::start(self, path.as_ref(), Box::new(bind)) }
    }
}

impl fmt::Debug for ReloadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReloadOptions")
            .field("load", &self.load)
            .field("deadline", &self.deadline)
            .field("abort_after", &self.abort_after)
            .field("retry", &self.retry)
            .field("settle", &self.settle)
            .field("poll", &self.poll)
            .finish_non_exhaustive()
    }
}

/// A module that is reloaded when its file changes.
///
/// Dropping it ends the watching; the newest build stays loaded, and so do older ones that are not unloaded yet. See
/// [`stop`](Self::stop).
pub struct Reload<T> {
    shared: Arc<Shared<T>>,
    sender: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + Sync + 'static> Reload<T> {
    /// [`ReloadOptions::watch`] with the defaults.
    ///
    /// # Errors
    ///
    /// As [`ReloadOptions::watch`].
    ///
    /// # Safety
    ///
    /// As [`ReloadOptions::watch`].
    pub unsafe fn new(
        path: impl AsRef<Path>,
        bind: impl Fn(&Module) -> Result<T, Cause> + Send + 'static,
    ) -> Result<Self, ReloadError> {
        // SAFETY: the caller's promise.
        unsafe { ReloadOptions::new().watch(path, bind) }
    }

    /// The file, absolute.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// The newest build. It stays loaded for as long as the `Arc` is kept, so it is not to be kept for long.
    pub fn current(&self) -> Arc<Generation<T>> {
        self.shared.newest.get().expect("`stop` consumes this")
    }

    /// An entry of whichever build is the newest: `select` finds it in what `bind` has returned.
    pub fn entry<S: Signature>(&self, select: fn(&T) -> &Entry<S>) -> ReloadEntry<T, S> {
        ReloadEntry {
            shared: Arc::clone(&self.shared),
            select,
        }
    }

    /// As [`entry`](Self::entry), for a function.
    pub fn function<S: Signature>(&self, select: fn(&T) -> &Function<S>) -> ReloadFunction<T, S> {
        ReloadFunction {
            shared: Arc::clone(&self.shared),
            select,
        }
    }

    /// Looks at the file now, whether it has changed or not.
    pub fn check(&self) {
        // The thread lives as long as this does.
        let _ = self.sender.send(Message::Check);
    }

    /// Ends the watching, and waits until each older build is unloaded or was reported as
    /// [`ReloadEvent::StillInUse`]. Gives the newest one, which stays loaded until somebody unloads it; calls of
    /// [`ReloadEntry`]s give [`CallError::Closed`] from now on.
    ///
    /// It blocks the calling thread: on a runtime, call it from a blocking call. While it waits, the thread gives up what
    /// it has of older builds itself, as nobody else can.
    pub fn stop(mut self) -> Arc<Generation<T>> {
        let _ = self.sender.send(Message::Stop { drain: true });
        if let Some(thread) = self.thread.take() {
            while !thread.is_finished() {
                // This thread may have run the module before, as one of a blocking pool, and has thread-locals of
                // it: then the wait is for itself.
                tls_keys::quiescence::quiescent_state();
                std::thread::sleep(PAUSE);
            }
            // It contains panics, and reports nothing by its end.
            let _ = thread.join();
        }
        let newest = self.shared.newest.replace(None);
        newest.expect("this is consumed, so it was there")
    }
}

impl<T> Drop for Reload<T> {
    fn drop(&mut self) {
        let _ = self.sender.send(Message::Stop { drain: false });
    }
}

impl<T> fmt::Debug for Reload<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reload")
            .field("path", &self.shared.path)
            .field("newest", &self.shared.newest.get())
            .finish_non_exhaustive()
    }
}

/// An `async` entry of the newest build, see [`Reload::entry`]. Cheap to clone.
pub struct ReloadEntry<T, S: Signature> {
    shared: Arc<Shared<T>>,
    select: fn(&T) -> &Entry<S>,
}

impl<T, S: Signature> ReloadEntry<T, S> {
    /// Calls the entry of the newest build, as [`Entry::call`] does. The call ends in the build that it began in.
    pub fn call(&self, args: S::Args) -> Call<S::Output> {
        // While this reads, the generation is not closed; when it has read, the call is counted.
        self.shared.newest.read(|newest| match newest {
            Some(newest) => (self.select)(&newest.value).call(args),
            None => Call::refused(self.shared.closed()),
        })
    }
}

impl<T, S: Signature> Clone for ReloadEntry<T, S> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            select: self.select,
        }
    }
}

impl<T, S: Signature> fmt::Debug for ReloadEntry<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReloadEntry")
            .field("signature", &std::any::type_name::<S>())
            .finish_non_exhaustive()
    }
}

/// A synchronous entry of the newest build, see [`Reload::function`]. Cheap to clone.
pub struct ReloadFunction<T, S: Signature> {
    shared: Arc<Shared<T>>,
    select: fn(&T) -> &Function<S>,
}

impl<T, S: Signature> ReloadFunction<T, S> {
    /// Calls the function of the newest build.
    ///
    /// # Errors
    ///
    /// As [`Function::call`].
    pub fn call(&self, args: S::Args) -> Result<S::Output, CallError> {
        // Counted while this reads, and made afterwards: it may take its time, and a read must be short.
        let begun = self.shared.newest.read(|newest| match newest {
            Some(newest) => (self.select)(&newest.value).begin(),
            None => Err(self.shared.closed()),
        })?;
        begun.call(args)
    }
}

impl<T, S: Signature> Clone for ReloadFunction<T, S> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            select: self.select,
        }
    }
}

impl<T, S: Signature> fmt::Debug for ReloadFunction<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReloadFunction")
            .field("signature", &std::any::type_name::<S>())
            .finish_non_exhaustive()
    }
}
