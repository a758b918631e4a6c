//! The last steps: what was put off is run, the library is closed, and its memory is looked at.

use tls_keys::panic::discard_panic;
use tls_slots::loader::{self, lock};

use super::error::UnloadProblem;
use crate::alive::{libc, shared_state};
use crate::loaded::{self, Loaded};
use crate::open::system;

impl Loaded {
    /// Runs what was put off, as far as this thread can: garbage that nobody reads any more.
    pub(super) fn run_deferred(&self) {
        let mut left = self.counts(1).deferred;
        while left != 0 {
            discard_panic(|| shared_state::quiescent(&self.image.memory));
            let now = self.counts(1).deferred;
            if now >= left {
                // Other threads have it, or stand in the way.
                break;
            }
            left = now;
        }
    }

    /// Closes the library, and looks whether it is gone. Gives it back if not.
    ///
    /// # Safety
    ///
    /// No code of the image may run any more but its destructors, and nobody use what is its.
    pub(super) unsafe fn unmap(&self) -> Result<(), UnloadProblem> {
        // From here on no thread begins to run a destructor of a pthread key's value. One may have begun just
        // before, as threads end when they like.
        libc::forget(&self.image.memory);
        if !libc::threads(&self.image.memory).is_empty() {
            return Err(UnloadProblem::InUse(Box::new(self.usage(1))));
        }
        let Some(library) = lock(&self.library).take() else {
            return Ok(());
        };
        let start: *const u8 = self.image.start().cast();
        // An error says that the system knows no such image, which is what is wanted.
        let _ = library.close();
        let opened_as = self.place.open_as.to_string_lossy();
        let is_there = loader::memory::of(start).is_some()
            && loader::file::opened_as(start).is_some_and(|opened| opened == opened_as);
        if !is_there {
            loader::file::forget_copy(&opened_as);
            loaded::forget_list(&self.images);
            return Ok(());
        }
        *lock(&self.library) = system::again(&self.place.open_as);
        Err(UnloadProblem::StillMapped {
            kept_mapped_by: self.image.kept_mapped_by.clone(),
        })
    }
}
