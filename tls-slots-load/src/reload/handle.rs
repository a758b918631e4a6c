//! A module that is reloaded: what a host holds.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use tls_keys::entry::Signature;

use super::calls::{ReloadEntry, ReloadFunction};
use super::event::ReloadError;
use super::generation::{Cause, Generation, Shared};
use super::message::Message;
use super::options::ReloadOptions;
use super::worker::Worker;
use crate::entry::{Entry, Function};
use crate::module::Module;

/// How long [`Reload::stop`] waits between two looks.
const PAUSE: Duration = Duration::from_millis(1);

impl ReloadOptions {
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
        let (shared, sender, thread) =
            unsafe { Worker::start(self, path.as_ref(), Box::new(bind))? };
        Ok(Reload {
            shared,
            sender,
            thread: Some(thread),
        })
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
