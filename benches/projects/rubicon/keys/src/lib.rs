//! The accesses, with `rubicon::thread_local!` as its documentation says to use it.

#![allow(
    missing_docs,
    non_upper_case_globals,
    clippy::undocumented_unsafe_blocks
)] // rubicon's macros

use std::sync::atomic::{AtomicU64, Ordering};

rubicon::compatibility_check! {
    ("version", env!("CARGO_PKG_VERSION")),
}

bench_access::accesses!(rubicon::thread_local);

rubicon::process_local! {
    static BENCH_COUNT: AtomicU64 = AtomicU64::new(1);
}

#[inline(never)]
fn process_local() -> u64 {
    BENCH_COUNT.load(Ordering::Relaxed)
}

/// Process-wide statics.
pub const PROCESS: &[bench_access::Row] = &[("process_local!", process_local)];
