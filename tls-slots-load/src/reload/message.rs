//! What the reloading thread is told, and by whom.
//!
//! The problem: three sides have something to tell, each on its own thread: the system's watcher,
//! the host, and futures that end. So all of them send messages to one channel.

use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::task::Wake;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tls_slots::loader::lock;

use crate::unload::UnloadError;

/// What the reloading thread is told.
pub(super) enum Message {
    /// The watcher reports a change in the folder, or that it has failed.
    Changed(notify::Result<notify::Event>),
    /// The host asks to have the file read now.
    Check,
    /// A future that the thread polls has something to do.
    Wake,
    /// A future that the host runs has ended. The number is the build's. `None` if the future was
    /// dropped before its end.
    Ended(u64, Option<Result<(), UnloadError>>),
    /// The host wants the thread to end.
    Stop {
        /// Whether to unload old builds first.
        drain: bool,
    },
}

/// Tells the thread when a future that the host runs has ended or was dropped.
pub(super) struct End {
    pub(super) number: u64,
    pub(super) result: Option<Result<(), UnloadError>>,
    pub(super) sender: Sender<Message>,
}

impl Drop for End {
    fn drop(&mut self) {
        // If the thread has ended, nobody needs the message.
        let message = Message::Ended(self.number, self.result.take());
        let _ = self.sender.send(message);
    }
}

/// A waker's data: tells the thread to poll its futures.
pub(super) struct Alarm(pub(super) Mutex<Sender<Message>>);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        // If the thread has ended, nobody needs the message.
        let _ = lock(&self.0).send(Message::Wake);
    }
}

/// Watches the folder of a file. A file that is replaced by a rename is another file, so the file
/// itself cannot be watched.
///
/// # Errors
///
/// The system cannot watch the folder.
pub(super) fn watch(path: &Path, sender: &Sender<Message>) -> notify::Result<RecommendedWatcher> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let sender = Mutex::new(sender.clone());
    let mut watcher = notify::recommended_watcher(move |event| {
        let sender = lock(&sender);
        // If the thread has ended, nobody needs the message.
        let _ = sender.send(Message::Changed(event));
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}
