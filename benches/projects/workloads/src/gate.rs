//! A gate for the pool for blocking work.

/// Holds the runtime's only thread for blocking work until the gate is opened, so that what is done
/// does not depend on which thread happens to be faster.
pub(crate) struct Gate {
    open: std::sync::mpsc::Sender<()>,
}

impl Gate {
    /// Closes the gate: the pool's thread waits behind it when this returns.
    pub(crate) async fn close() -> Self {
        let (open, opened) = std::sync::mpsc::channel();
        let (reached, is_reached) = std::sync::mpsc::channel();
        tokio::task::spawn_blocking(move || {
            reached.send(()).unwrap();
            opened.recv().unwrap();
        });
        is_reached.recv().unwrap();
        Self { open }
    }

    /// Opens it, and holds this thread until all is done that was queued.
    pub(crate) async fn open(self) {
        let (done, is_done) = std::sync::mpsc::channel();
        tokio::task::spawn_blocking(move || done.send(()).unwrap());
        self.open.send(()).unwrap();
        is_done.recv().unwrap();
    }
}
