//! The steps *close* and *look*: `dlclose`, and whether the memory is unmapped.
//!
//! The problem: `dlclose` reports success when it has only counted down, and the file stays mapped.
//! So the memory is looked at afterwards. If it is still there, the library is opened again, so
//! that the host can try once more.
//!
//! Garbage that nobody reads any more, but that a shared crate frees later, is freed here first.

use tls_keys::panic::discard_panic;
use tls_slots::loader::{self, lock};

use super::error::UnloadProblem;
use crate::alive::{companions, libc, shared_state};
use crate::loaded::{self, Loaded};
use crate::open::system;

impl Loaded {
    /// Runs the functions that the module has deferred, and those of modules that go along, as far
    /// as this thread can.
    pub(super) fn run_deferred_functions(&self) {
        let mut left = self.counts(1).all_deferred();
        while left != 0 {
            discard_panic(|| shared_state::quiescent(&self.image.memory));
            let now = self.counts(1).all_deferred();
            if now >= left {
                // Other threads have the rest, or may still read what it would free.
                break;
            }
            left = now;
        }
    }

    /// Closes the library, and looks whether the memory is unmapped.
    ///
    /// # Errors
    ///
    /// Something of the module is alive, or the memory is still mapped. The library stays open
    /// then.
    ///
    /// # Safety
    ///
    /// No code of the image may run from now on, except for its destructors. Nobody may use what
    /// belongs to it.
    pub(super) unsafe fn unmap(&self) -> Result<(), UnloadProblem> {
        // From here on no thread begins to run a destructor of a pthread key's value. But a thread
        // that ended just before may be in one. No thread has values of other images that go along.
        libc::forget(&self.image.memory);
        let companions = self.companions();
        if !libc::threads(&self.all_ranges(&companions)).is_empty() {
            return Err(UnloadProblem::InUse(Box::new(self.usage(1))));
        }
        let libraries = companions.libraries.into_iter();
        let libraries: Vec<_> = libraries
            .map(|memory| (libc::library(&memory), memory))
            .collect();
        let Some(library) = lock(&self.library).take() else {
            return Ok(());
        };
        let start: *const u8 = self.image.start().cast();
        companions::release(&self.image.memory);
        // The only error is that the system knows no such image, and then it is not mapped.
        let _ = library.close();
        let opened_as = self.opened_from.path.to_string_lossy();
        let is_there = loader::memory::of(start).is_some()
            && loader::file::opened_as(start).is_some_and(|opened| opened == opened_as);
        if !is_there {
            let gone = libraries
                .iter()
                .filter(|(_, memory)| !loader::memory::is_mapped(memory));
            gone.for_each(|(library, _)| libc::forget_gone(library));
            loader::file::forget_copy(&opened_as);
            loaded::forget_list(&self.images);
            return Ok(());
        }
        companions::hold(&self.image.memory);
        *lock(&self.library) = system::open_again(&self.opened_from.path);
        Err(UnloadProblem::StillMapped {
            kept_mapped_by: self.image.kept_mapped_by.clone(),
        })
    }
}
