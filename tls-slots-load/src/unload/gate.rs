//! The gate of an image: while it is closed, no call begins.
//!
//! The problem: a call may begin at the moment in which somebody decides that no call is running.
//! So a call first counts itself, and then looks whether the gate is closed (`entry.rs`). Whoever
//! unloads first closes the gate, and then reads the counts. All four are sequentially consistent,
//! so one of the two sees the other.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use tls_slots::loader::lock;

use super::error::UnloadProblem;
use crate::loaded::Loaded;

/// A closed gate: while it exists, no call of the image begins.
pub(super) struct Gate {
    pub(super) loaded: Arc<Loaded>,
}

impl Gate {
    /// Closes the gate, and takes the image off the list on which `load` looks for it.
    ///
    /// # Errors
    ///
    /// [`UnloadProblem::Unsupported`] on targets where nothing tells what is alive, and
    /// [`UnloadProblem::InUse`] where the file says that nothing will ever unmap it. No wait would
    /// help, and the module's `shutdown` must not be called in vain.
    pub(super) fn close(loaded: &Arc<Loaded>) -> Result<Self, UnloadProblem> {
        if !cfg!(all(target_os = "linux", target_env = "gnu")) {
            return Err(UnloadProblem::Unsupported);
        }
        if !loaded.image.kept_mapped_by.is_empty() {
            return Err(UnloadProblem::InUse(Box::new(loaded.usage(1))));
        }
        let mut images = lock(&loaded.images);
        images.retain(|image| !Arc::ptr_eq(image, loaded));
        lock(&loaded.gate).gates += 1;
        // Closed before the counts are read. A call counts itself before it looks here.
        loaded.closed.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        Ok(Self {
            loaded: Arc::clone(loaded),
        })
    }

    /// The image takes no more calls, even when this gate is gone: it has lost some thread-locals.
    pub(super) fn stay_closed(&self) {
        lock(&self.loaded.gate).stays_closed = true;
    }
}

impl Drop for Gate {
    /// Opens the gate if it was the last one and the image has lost nothing.
    fn drop(&mut self) {
        let mut images = lock(&self.loaded.images);
        let mut gate = lock(&self.loaded.gate);
        gate.gates -= 1;
        if gate.gates == 0 && !gate.stays_closed {
            self.loaded.closed.store(false, Ordering::SeqCst);
            images.push(Arc::clone(&self.loaded));
        }
    }
}
