//! How a module is reloaded: what a host can choose.

use std::fmt;
use std::time::Duration;

use super::event::ReloadEvent;
use super::generation::Work;
use crate::load::LoadOptions;

/// How a module is reloaded.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
/// use tls_slots_load::{Entry, ReloadEvent, ReloadOptions};
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
    pub(super) load: LoadOptions,
    pub(super) deadline: Duration,
    pub(super) abort_after: Option<Duration>,
    pub(super) retry: Duration,
    pub(super) settle: Duration,
    pub(super) poll: Duration,
    pub(super) on_event: Option<Box<dyn FnMut(ReloadEvent) + Send>>,
    pub(super) drive: Option<Box<dyn Fn(Work) + Send>>,
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
