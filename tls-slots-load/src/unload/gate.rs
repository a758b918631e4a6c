//! The gate of an image: while it is closed, no call begins.
//!
//! A call counts itself, and then looks whether the gate is closed (`entry.rs`). Whoever unloads closes the
//! gate, and then reads the counts. One of the two sees the other.

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
    /// Closes it, and takes the image from those that `load` finds.
    pub(super) fn close(loaded: &Arc<Loaded>) -> Result<Self, UnloadProblem> {
        if !cfg!(all(target_os = "linux", target_env = "gnu")) {
            return Err(UnloadProblem::Unsupported);
        }
        let mut images = lock(&loaded.images);
        images.retain(|image| !Arc::ptr_eq(image, loaded));
        lock(&loaded.gate).gates += 1;
        // A call counts, and then looks: one of the two sees the other.
        loaded.closed.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        Ok(Self {
            loaded: Arc::clone(loaded),
        })
    }

    /// From now on the module cannot go on.
    pub(super) fn keep_closed(&self) {
        lock(&self.loaded.gate).stays_closed = true;
    }
}

impl Drop for Gate {
    /// As if nothing had happened, unless something has.
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
