//! [`Reload`]: a module that is reloaded when its file changes. The handle that a host has.
//!
//! The work is done by a thread (`worker.rs`). The handle starts it, sends it messages, and stops
//! it.

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

/// The pause between two looks of [`Reload::stop`].
const PAUSE: Duration = Duration::from_millis(1);

impl ReloadOptions {
    /// Loads the module, and watches its file from now on.
    ///
    /// `bind` looks up what the host needs of a build. It runs on the calling thread for the first
    /// build, and on the reloading thread for all others. It may start things that belong to the
    /// build. If it gives an error, the build is refused.
    ///
    /// # Errors
    ///
    /// [`ReloadError`] if the first build is not loaded, if `bind` refuses it, if the file's folder
    /// cannot be watched, or if the thread cannot be started. Later errors are events.
    ///
    /// # Safety
    ///
    /// The caller promises:
    ///
    /// - what [`Module::load`] asks for, for every file that comes to this path while it is
    ///   watched;
    /// - what [`Module::unload`] asks for, for every build that a newer one replaces or that `bind`
    ///   refuses, from the moment when its [`Generation`] is dropped.
    ///
    /// A file that is written in place may be read between two writes. That is noticed if the file
    /// is cut off or still changes. It is not noticed if the writer pauses for longer than
    /// [`settle`](Self::settle) when a part of the new content is over the old one. So builds
    /// should come by a rename, as from `cargo tls-slots watch --out`.
    pub unsafe fn watch<T: Send + Sync + 'static>(
        self,
        path: impl AsRef<Path>,
        bind: impl Fn(&Module) -> Result<T, Cause> + Send + 'static,
    ) -> Result<Reload<T>, ReloadError> {
        // SAFETY: the caller promises the same.
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
/// When this is dropped, the file is not watched any more. The newest build stays loaded, and so do
/// older builds that are not unloaded yet. See [`stop`](Self::stop).
pub struct Reload<T> {
    shared: Arc<Shared<T>>,
    sender: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + Sync + 'static> Reload<T> {
    /// Loads the module and watches its file, with the default options. See
    /// [`ReloadOptions::watch`].
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
        // SAFETY: the caller promises the same.
        unsafe { ReloadOptions::new().watch(path, bind) }
    }

    /// The absolute path of the file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// The newest build. It stays loaded while somebody has the `Arc`, so do not keep it for long.
    pub fn current(&self) -> Arc<Generation<T>> {
        self.shared.newest.get().expect("`stop` consumes this")
    }

    /// An entry of the newest build, at the time of each call. `select` finds the entry in the
    /// value that `bind` has returned.
    pub fn entry<S: Signature>(&self, select: fn(&T) -> &Entry<S>) -> ReloadEntry<T, S> {
        ReloadEntry {
            shared: Arc::clone(&self.shared),
            select,
        }
    }

    /// A synchronous entry of the newest build, see [`entry`](Self::entry).
    pub fn function<S: Signature>(&self, select: fn(&T) -> &Function<S>) -> ReloadFunction<T, S> {
        ReloadFunction {
            shared: Arc::clone(&self.shared),
            select,
        }
    }

    /// Has the thread read the file now, whether it has changed or not.
    pub fn check(&self) {
        // The thread lives as long as this does, so the message arrives.
        let _ = self.sender.send(Message::Check);
    }

    /// Stops watching, and waits until each older build is unloaded or was reported as
    /// [`ReloadEvent::StillInUse`](super::ReloadEvent::StillInUse). Gives the newest build, which
    /// stays loaded until somebody unloads it. Calls of [`ReloadEntry`]s give
    /// [`CallError::Closed`](crate::CallError::Closed) from now on.
    ///
    /// This blocks the calling thread. On a runtime, call it inside of `spawn_blocking`. While it
    /// waits, the calling thread drops its own values of older builds, as no other thread can.
    pub fn stop(mut self) -> Arc<Generation<T>> {
        let _ = self.sender.send(Message::Stop { drain: true });
        if let Some(thread) = self.thread.take() {
            while !thread.is_finished() {
                // This thread may have run the module before, for instance as a thread of a
                // blocking pool. Then it has thread-locals of the module, and the thread waits for
                // these.
                // SAFETY: who called `watch` promises that no thread that waits here refers to a
                // value of a build's thread-locals further up its stack.
                unsafe { tls_keys::quiescence::quiescent_state() }
                std::thread::sleep(PAUSE);
            }
            // The thread discards panics, so its result says nothing.
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
