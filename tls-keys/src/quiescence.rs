//! Quiescent states: moments when a thread runs no code of any module, and can give up what it has of
//! modules that are being unloaded.

use core::ops::Range;

use alloc::boxed::Box;

use crate::abi;
use crate::sync::{AtomicUsize, Ordering};

crate::process_local! {
    /// How many modules wait for threads to give up what they have of them, see [`quiescent_state`].
    static PENDING: AtomicUsize = AtomicUsize::new(0);
}

/// The host's counter behind [`quiescent_state`], for the host.
#[doc(hidden)]
pub fn pending() -> &'static AtomicUsize {
    &PENDING
}

/// Whether a module waits for this thread to call [`quiescent_state`], or to end.
#[inline(always)]
pub fn is_pending() -> bool {
    PENDING.load(Ordering::Relaxed) != 0
}

/// A thread of a runtime has nothing to do: the moment to drop what it keeps of modules that are
/// being unloaded.
///
/// To be called where any code may run: without a lock, and not from a destructor of a thread-local.
#[inline(always)]
pub fn quiescent_state() {
    if is_pending() {
        // SAFETY: called from ordinary code, as this function's documentation asks for.
        unsafe { abi::quiescent_state() }
    }
}

/// A runtime, as unloading sees it.
pub trait Runtime: Send + Sync {
    /// Makes each of its threads that sleeps call [`quiescent_state`], and those of its blocking pool end.
    fn wake(&self);

    /// Whether it is still there.
    fn is_alive(&self) -> bool;

    /// Aborts the tasks whose functions lie in this range of addresses, and says how many it has found.
    fn abort(&self, image: Range<usize>) -> usize;
}

/// Makes a runtime known to the host. For a host's copy of a crate only: the runtime is never forgotten
/// while it is alive.
pub fn add_runtime(runtime: Box<dyn Runtime>) {
    // SAFETY: a box, given away.
    unsafe { abi::add_runtime(Box::into_raw(runtime)) }
}
