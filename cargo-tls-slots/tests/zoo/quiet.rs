//! A crate without std that forbids unsafe code.
#![no_std]
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(1);

/// The next number.
pub fn next() -> u32 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[test]
fn numbers_go_up() {
    assert_eq!((next(), next()), (1, 2));
}
