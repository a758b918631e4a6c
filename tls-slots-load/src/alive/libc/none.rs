//! Systems on which nothing is taken over. **Not run by the authors.**
//!
//! Nothing is known of a module there. So [`kept_mapped_by`] always gives a reason, and no module
//! is unloaded.

use std::ffi::c_int;

use super::types::{Span, ThreadDestructors, ThreadInfo};

pub(super) fn program_starts() {}

pub(super) fn register(_: Span) {}

/// # Safety
///
/// There is nothing to promise: it does nothing.
pub(super) unsafe fn unregister(_: Span) {}

pub(super) fn module_at(_: usize) -> Option<Span> {
    None
}

pub(super) fn thread_ends() {}

pub(super) fn destructors(_: Span) -> Vec<ThreadDestructors> {
    Vec::new()
}

pub(super) fn threads(_: &[Span]) -> Vec<ThreadInfo> {
    Vec::new()
}

pub(super) fn timers(_: &[Span]) -> usize {
    0
}

pub(super) fn exit_functions(_: &[Span]) -> usize {
    0
}

pub(super) fn opened_by(_: Span) -> Vec<Span> {
    Vec::new()
}

pub(super) fn pthread_keys(_: Span) -> usize {
    0
}

pub(super) fn signal_actions(_: Span) -> Vec<c_int> {
    Vec::new()
}

pub(super) fn kept_mapped_by(_: Span) -> Vec<String> {
    vec!["destructors of thread-locals, which cannot be known on this system".to_owned()]
}

/// # Safety
///
/// There is nothing to promise: it does nothing.
pub(super) unsafe fn run_here(_: Span) -> usize {
    0
}

pub(super) fn forget(_: Span) {}

/// There is nothing to forget.
pub(super) struct Library;

pub(super) fn library(_: Span) -> Library {
    Library
}

pub(super) fn forget_gone(_: &Library) {}
