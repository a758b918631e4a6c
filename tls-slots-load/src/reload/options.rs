//! [`ReloadOptions`]: how a module is reloaded, as far as a host can choose.

use std::fmt;
use std::time::Duration;

use super::event::ReloadEvent;
use super::generation::Work;
use crate::load::LoadOptions;

/// How a module is reloaded. [`watch`](Self::watch) begins.
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
/// // SAFETY: `cargo tls-slots watch` renames our own builds to this path, which are for this host.
/// // Their entries take and give plain data.
/// let reload = unsafe {
///     options.watch("live/libmarkdown.so", |module| {
///         let render: Render = module.entry("render")?;
///         Ok(render)
///     })?
/// };
/// let render = reload.entry(|render: &Render| render);
/// let html = render.call(("# Title".to_owned(),)).await?; // by the build that is the newest now
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
    /// The defaults, which the methods name.
    pub fn new() -> Self {
        Self::default()
    }

    /// The conditions on which a build is loaded. By default those of
    /// [`Module::load`](crate::Module::load).
    ///
    /// [`LoadOptions::source`] and [`LoadOptions::new_instance`] have no effect here, because each
    /// build is loaded from a copy of its own.
    pub fn load(mut self, load: LoadOptions) -> Self {
        self.load = load;
        self
    }

    /// After this time, an old build that somebody still holds is reported as
    /// [`ReloadEvent::StillInUse`]. When nobody holds it any more, this is also the deadline of its
    /// unloading. 10 seconds by default.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// When the tasks of an old build are aborted, see
    /// [`Unload::abort_after`](crate::Unload::abort_after). After half of the deadline by default.
    pub fn abort_after(mut self, time: Duration) -> Self {
        self.abort_after = Some(time);
        self
    }

    /// The pause before another attempt to unload an old build. One second by default.
    pub fn retry(mut self, retry: Duration) -> Self {
        self.retry = retry;
        self
    }

    /// How long a file that is written to must stay the same before it is read. 50 milliseconds by
    /// default. A file that replaces the old one by a rename is read at once.
    pub fn settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    /// How often the time and size of the file are looked at when the system has reported no
    /// change. This is for links whose target changes, and for file systems that report nothing.
    /// One second by default.
    pub fn poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// Calls `on_event` after each step, on the reloading thread, which waits for it. A panic in it
    /// is discarded.
    pub fn on_event(mut self, on_event: impl FnMut(ReloadEvent) + Send + 'static) -> Self {
        self.on_event = Some(Box::new(on_event));
        self
    }

    /// Gives the futures that unload old builds to `drive`, which runs them, for instance on a
    /// runtime: `drive(move |work| { handle.spawn(work); })`.
    ///
    /// Without this, the reloading thread polls the futures. That is enough unless the module's
    /// entry `shutdown` needs a runtime around it.
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
