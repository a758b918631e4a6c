//! Quiescent states: when a thread gives up what it has of modules that are being unloaded.
//!
//! The problem: a thread of a runtime may keep values of a module's thread-locals, and only that
//! thread can drop them. So the runtime calls [`quiescent_state`] where its threads run no code of
//! any module: before they sleep. The host can wake a sleeping thread by the [`Runtime`] that it
//! belongs to.

use alloc::boxed::Box;

use super::calls;
use super::macros::process_local;
use super::sync::{AtomicUsize, Ordering};

pub use super::runtime::Runtime;

process_local! {
    /// How many modules wait for threads to give up what they have of them.
    static PENDING: AtomicUsize = AtomicUsize::new(0);
}

/// The counter behind [`is_pending`]. For the host.
#[doc(hidden)]
pub fn pending() -> &'static AtomicUsize {
    &PENDING
}

/// Whether a module waits for this thread to call [`quiescent_state`], or to end.
#[inline(always)]
pub fn is_pending() -> bool {
    PENDING.load(Ordering::Relaxed) != 0
}

/// The calling thread runs no code of any module: it drops what it keeps of modules that are being
/// unloaded.
///
/// # Safety
///
/// Nothing on this thread's stack refers to a value of a module's thread-local. Any code may run
/// here: the caller holds no lock, and is no destructor of a thread-local.
#[inline(always)]
pub unsafe fn quiescent_state() {
    if is_pending() {
        // SAFETY: the caller's promise.
        unsafe { calls::quiescent_state() }
    }
}

/// Makes a runtime known to the host, which remembers it for as long as it is alive.
///
/// # Safety
///
/// The functions of this `Runtime` are the host's, as nobody asks whose they are when a module is
/// unmapped. So this is for the host's copy of a crate only.
pub unsafe fn add_runtime(runtime: Box<dyn Runtime>) {
    // SAFETY: a box of the host's own, which is given away.
    unsafe { calls::add_runtime(Box::into_raw(runtime)) }
}
