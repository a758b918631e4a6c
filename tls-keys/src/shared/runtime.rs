//! A runtime, as the host's half sees it when it unloads a module.

use core::ops::Range;

/// A runtime of the host, as unloading sees it.
pub trait Runtime: Send + Sync {
    /// Makes each sleeping thread of the runtime call
    /// [`quiescent_state`](crate::quiescence::quiescent_state), and ends the idle threads of its
    /// blocking pool.
    fn wake(&self);

    /// Whether the runtime still exists.
    fn is_alive(&self) -> bool;

    /// Aborts the tasks whose functions lie in this range of addresses. Returns how many there
    /// were.
    fn abort(&self, image: Range<usize>) -> usize;
}
