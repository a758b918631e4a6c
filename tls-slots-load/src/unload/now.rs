//! Unloading without waiting: [`Module::try_unload`].
//!
//! The same steps as in `work.rs`, without the waits. A host without a runtime, or in a test, wants
//! an answer at once. The only wait is for threads to leave the last instructions of the module,
//! and that is a moment.

use std::sync::Arc;
use std::time::Instant;

use super::error::{UnloadError, UnloadProblem};
use super::gate::Gate;
use super::outside::{self, SOON};
use super::requests;
use crate::module::Module;

impl Module {
    /// Unmaps the module if nothing of it is alive, except for values that the calling thread can
    /// drop: its own values of the module's thread-locals.
    ///
    /// The host may keep [`Entry`](crate::Entry)s and [`Function`](crate::Function)s of the module.
    /// Their calls give [`CallError::Closed`](crate::CallError) from now on.
    ///
    /// # Errors
    ///
    /// An [`UnloadError`] holds the module, and says what is alive.
    ///
    /// # Safety
    ///
    /// When this returns `Ok`, nobody may use what belonged to the module and is not counted by
    /// [`usage`](Self::usage):
    ///
    /// - Values from the module that contain a function or a `'static` reference of the module,
    ///   whether an entry has returned them or they were sent to the host. These are trait objects,
    ///   `&'static str`, function pointers, panic payloads and `tracing` spans. Some types hide
    ///   one: `Box<dyn Error>`, an `io::Error` with a message of its own, `bytes::Bytes`. Plain
    ///   data is fine, and so are channels, locks and other types of tokio.
    /// - Futures, streams and iterators of the module that did not come from an
    ///   [`Entry`](crate::Entry).
    /// - Objects of other crates than tokio in which a waker of the module's own is left: channels
    ///   and locks of `futures`, `async-channel` and the like. (tokio's objects count it.)
    /// - Memory from a global allocator of the module's own. (With `host_allocator!` the allocator
    ///   is the host's.)
    /// - What C code of the module has registered elsewhere than with libc. Threads, TLS
    ///   destructors, pthread keys, signal actions, timers and functions for `exit` are counted.
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
        // SAFETY: the gate is closed, and the caller promises the rest.
        let result = Gate::close(&loaded).and_then(|gate| unsafe { unload_now(&gate) });
        result.map_err(|problem| self.stays(problem))
    }
}

/// What `try_unload` does after the gate is closed.
///
/// # Errors
///
/// Why the module stays.
///
/// # Safety
///
/// As [`Module::try_unload`].
unsafe fn unload_now(gate: &Gate) -> Result<(), UnloadProblem> {
    let loaded = &gate.loaded;
    loaded.run_deferred_functions();
    let usage = loaded.usage(1);
    if !usage.allows_unload() {
        return Err(UnloadProblem::InUse(Box::new(usage)));
    }
    if !usage.is_on_no_thread() {
        gate.stay_closed();
        // SAFETY: the module is loaded. No thread runs its code, as nothing of it is alive and no
        // call can begin.
        unsafe { requests::drop_own_values(&loaded.groups()) };
        // A destructor may have started something.
        let usage = loaded.usage(1);
        if !(usage.is_only_on_threads() && usage.is_on_no_thread()) {
            return Err(UnloadProblem::InUse(Box::new(usage)));
        }
    }
    let last_hold = loaded.last_hold();
    outside::wait(
        &loaded.all_ranges(&loaded.companions()),
        last_hold,
        Instant::now() + SOON,
    )
    .map_err(UnloadProblem::NotSeenOutside)?;
    // From here on the library is closed, even if the memory stays mapped.
    gate.stay_closed();
    // SAFETY: nothing of the module is alive, and every thread has left its code. The caller
    // promises that nobody uses what belongs to it.
    unsafe { loaded.unmap() }
}
