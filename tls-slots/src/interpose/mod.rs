//! What a module registers with libc and has to be taken over by the host: not yet.

use std::ffi::c_int;
use std::ops::Range;

/// Runs what the module has registered on this thread.
///
/// # Safety
///
/// No code of the module may run further up.
pub(crate) unsafe fn run_here(_: &Range<usize>) -> usize {
    0
}

#[allow(dead_code)]
pub(crate) struct ThreadDestructors {
    pub(crate) name: Option<String>,
    pub(crate) count: usize,
    pub(crate) is_current: bool,
}

#[allow(dead_code)]
pub(crate) struct ThreadInfo {
    pub(crate) name: Option<String>,
    pub(crate) is_current: bool,
}

pub(crate) fn destructors(_: &Range<usize>) -> Vec<ThreadDestructors> {
    Vec::new()
}

pub(crate) fn threads(_: &Range<usize>) -> Vec<ThreadInfo> {
    Vec::new()
}

pub(crate) fn signal_actions(_: &Range<usize>) -> Vec<c_int> {
    Vec::new()
}

pub(crate) fn pins(_: &Range<usize>) -> Vec<String> {
    Vec::new()
}

pub(crate) fn forget(_: &Range<usize>) {}
