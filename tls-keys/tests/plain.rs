//! Which types can keep something of an image, as the macros of forks by rule ask it.

use std::cell::Cell;
use std::sync::atomic::{AtomicPtr, AtomicU64};
use std::sync::{LazyLock, Mutex, OnceLock};
use std::time::Instant;

use tls_keys::__may_keep as may_keep;
use tls_slots as _;

#[test]
fn numbers_keep_nothing_and_pointers_may() {
    type Alias = [AtomicU64; 3];
    #[expect(dead_code, reason = "only its type matters")]
    struct Small(Cell<u8>);
    #[expect(dead_code, reason = "only its type matters")]
    struct Large(AtomicU64);
    assert!(!may_keep!(Alias));
    assert!(!may_keep!((Cell<Option<u64>>, bool)));
    assert!(!may_keep!(Small), "there is no room for a pointer");
    assert!(may_keep!(Large), "nobody has said that it holds none");
    assert!(may_keep!(AtomicPtr<u8>));
    assert!(may_keep!(Cell<Option<fn()>>));
    assert!(may_keep!(Option<Box<u8>>));
    assert!(!may_keep!(tls_keys::StaticMut<usize>));
    assert!(may_keep!(tls_keys::StaticMut<*const u8>));
}

#[test]
fn locks_are_what_they_hold() {
    assert!(!may_keep!(Mutex<u64>));
    assert!(!may_keep!(LazyLock<Instant>));
    assert!(may_keep!(Mutex<Vec<u8>>));
    assert!(may_keep!(OnceLock<String>));
}
