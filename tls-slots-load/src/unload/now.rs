//! Unloading without waiting: [`Module::try_unload`].

use std::sync::Arc;
use std::time::Instant;

use super::error::{UnloadError, UnloadProblem};
use super::gate::Gate;
use super::ask;
use super::outside::{self, SOON};
use crate::alive::holds;
use crate::module::Module;

impl Module {
    /// Unmaps the module if nothing of it is alive but what the calling thread can drop: its own values of the
    /// module's thread-locals.
    ///
    /// [`Entry`](crate::Entry)s and [`Function`](crate::Function)s of it may live on; their calls give
    /// [`CallError::Closed`](crate::CallError).
    ///
    /// # Errors
    ///
    /// An [`UnloadError`] that gives the module back, with what is alive.
    ///
    /// # Safety
    ///
    /// When this returns `Ok`, nobody may use what was the module's and is not counted by
    /// [`usage`](Self::usage):
    ///
    /// - values that an entry has returned, or that were sent to the host, and that have a function or a
    ///   `'static` reference of the module in them: trait objects, `&'static str`, function pointers, panic
    ///   payloads, `tracing` spans; also those that hide one, such as `Box<dyn Error>`, an `io::Error` with a
    ///   message of its own, or `bytes::Bytes`. Plain data is not concerned, nor are channels, locks and other
    ///   types of tokio;
    /// - futures, streams and iterators of the module that did not come from an [`Entry`](crate::Entry);
    /// - memory that a global allocator of the module's own has given (`host_allocator!` is the host's);
    /// - what C code of the module has registered elsewhere, but for TLS destructors, pthread keys and
    ///   signal actions, which are counted.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn example(module: tls_slots_load::Module) {
    /// // SAFETY: its entries take and give plain data.
    /// if let Err(error) = unsafe { module.try_unload() } {
    ///     eprintln!("{error}");
    ///     let module = error.into_module(); // goes on as before
    /// #   drop(module);
    /// }
    /// # }
    /// ```
    pub unsafe fn try_unload(self) -> Result<(), UnloadError> {
        let loaded = Arc::clone(&self.loaded);
        // SAFETY: the caller's promise.
        let result = Gate::close(&loaded).and_then(|gate| unsafe { unload_now(&gate) });
        result.map_err(|problem| self.stays(problem))
    }
}

/// What `try_unload` does when the gate is closed.
///
/// # Safety
///
/// As [`Module::try_unload`].
unsafe fn unload_now(gate: &Gate) -> Result<(), UnloadProblem> {
    let loaded = &gate.loaded;
    loaded.run_deferred();
    let usage = loaded.usage(1);
    if !usage.allows_unload() {
        return Err(UnloadProblem::InUse(Box::new(usage)));
    }
    if !usage.is_on_no_thread() {
        gate.keep_closed();
        // SAFETY: nothing of it runs on any thread, as nothing is alive and no call can begin.
        unsafe { ask::drop_here(loaded.image.start(), &loaded.image.memory) }
        // A destructor may have started something.
        let usage = loaded.usage(1);
        if !(usage.is_only_on_threads() && usage.is_on_no_thread()) {
            return Err(UnloadProblem::InUse(Box::new(usage)));
        }
    }
    let last_hold = holds::last_end(loaded.image.start());
    outside::wait(&loaded.image.memory, last_hold, Instant::now() + SOON)
        .map_err(UnloadProblem::NotSeenOutside)?;
    // From here on, it is open no more, even if it is mapped.
    gate.keep_closed();
    // SAFETY: nothing of it is alive, every thread has left it, and the caller promises the rest.
    unsafe { loaded.unmap() }
}
