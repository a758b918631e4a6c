//! How a module asks for an unload hook, and where the host lies in memory.
//!
//! Why, and what a hook does, is told in `unload_hook.rs`.

use super::macros::process_local;
use super::process::ProcessLocal;
use super::sync::{AtomicUsize, Ordering};
use super::{calls, image};

pub use crate::unload_hook::{OnUnload, Span};

process_local! {
    /// Where the host begins and ends, and 0 where that is not known. Written by the host only,
    /// which always writes the same.
    static HOST: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
}

/// Tells where the host lies in memory. For the host.
pub fn set_host(start: usize, end: usize) {
    HOST[0].store(start, Ordering::Relaxed);
    HOST[1].store(end, Ordering::Relaxed);
}

/// Whether [`set_host`] was called.
pub fn host_is_known() -> bool {
    HOST[1].load(Ordering::Relaxed) != 0
}

/// Whether a thing lies in the host, and so is never unloaded: a literal, for example. False where
/// [`set_host`] was not called.
#[inline]
pub fn is_lasting<T>(thing: *const T) -> bool {
    // Relaxed: whoever reads an old zero makes a copy that was not needed, nothing worse.
    let [start, end] = [&HOST[0], &HOST[1]].map(|bound| bound.load(Ordering::Relaxed));
    Span::new(start, end).contains(thing)
}

/// Notes, for the calling module, what the host does when the module is unloaded.
///
/// Returns whether the state is another image's, that is, the host's. Otherwise there was nothing
/// to note. Costs a few loads, except the first time.
#[inline]
pub fn ask(hook: &'static ProcessLocal<OnUnload>) -> bool {
    if ProcessLocal::is_own(hook) {
        return false;
    }
    // Relaxed: whoever finds it set has nothing to do, and needs nothing that was done before.
    if !ProcessLocal::own(hook).asked.load(Ordering::Relaxed) {
        ask_first(hook);
    }
    true
}

#[cold]
fn ask_first(hook: &'static ProcessLocal<OnUnload>) {
    // SAFETY: the id of the image that this code is in. The shared instance is a static of the
    // host.
    unsafe { calls::on_unload(image::id(), &raw const **hook) }
    // Set afterwards, so that nobody goes on before the host knows.
    let own = ProcessLocal::own(hook);
    own.asked.store(true, Ordering::Relaxed);
}
