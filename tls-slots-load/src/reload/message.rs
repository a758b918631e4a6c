//! What the reloading thread is told, and by whom: the system's watcher, the host, futures that end.

use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::task::Wake;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tls_slots::loader::lock;

use crate::unload::UnloadError;

/// What the reloading thread is told.
pub(super) enum Message {
    Changed(notify::Result<notify::Event>),
    /// [`Reload::check`].
    Check,
    /// A future of ours is to be polled.
    Wake,
    /// A future that the host drives has ended; `None` if it was dropped before.
    Ended(u64, Option<Result<(), UnloadError>>),
    Stop {
        /// Whether to see the old builds off first.
        drain: bool,
    },
}

/// Tells the thread of the end of a future that the host drives, however it ends.
pub(super) struct End {
    pub(super) number: u64,
    pub(super) result: Option<Result<(), UnloadError>>,
    pub(super) sender: Sender<Message>,
}

impl Drop for End {
    fn drop(&mut self) {
        // The thread has ended: so be it.
        let message = Message::Ended(self.number, self.result.take());
        let _ = self.sender.send(message);
    }
}

/// Wakes the thread.
pub(super) struct Alarm(pub(super) Mutex<Sender<Message>>);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        // Nobody is there any more.
        let _ = lock(&self.0).send(Message::Wake);
    }
}

/// Watches the folder of a file.
pub(super) fn watch(path: &Path, sender: &Sender<Message>) -> notify::Result<RecommendedWatcher> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let sender = Mutex::new(sender.clone());
    let mut watcher = notify::recommended_watcher(move |event| {
        let sender = lock(&sender);
        // The thread has ended.
        let _ = sender.send(Message::Changed(event));
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}
