//! `tls_keys::panic` within one image: it behaves as std's `catch_unwind`. Panics of other images
//! are tested in `tests/tests/panics.rs` of the repository.
#![cfg(feature = "std")]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, panic_any, resume_unwind};
use std::thread;

use tls_keys::panic::{catch_unwind, discard_panic, own_panics};
use tls_slots as _;

/// Counts its drops, and panics if told.
struct Counted<'a>(&'a Cell<u32>, bool);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
        assert!(!self.1, "told to");
    }
}

#[test]
fn results_of_all_sizes_come_back() {
    catch_unwind(|| ()).unwrap();
    assert_eq!(catch_unwind(|| [7_u64; 100]).unwrap(), [7; 100]);
    let text = String::from("moved in");
    assert_eq!(
        catch_unwind(move || text + ", and out").unwrap(),
        "moved in, and out"
    );
    let number = 5.5;
    assert_eq!(catch_unwind(|| number * 2.0).unwrap(), 11.0);
}

#[test]
fn payloads_come_back_and_locals_are_dropped() {
    let dropped = Cell::new(0);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _local = Counted(&dropped, false);
        panic_any(17_u32)
    }));
    let payload: Box<dyn std::any::Any + Send> = caught.unwrap_err();
    assert_eq!(*payload.downcast::<u32>().unwrap(), 17);
    assert_eq!(dropped.get(), 1);
    assert!(!thread::panicking());
}

#[test]
fn what_the_function_owns_is_dropped_once() {
    let dropped = Cell::new(0);
    let owned = Counted(&dropped, false);
    let caught = catch_unwind(AssertUnwindSafe(move || {
        let _owned = &owned;
        panic!("after it was moved in");
    }));
    assert!(caught.is_err());
    assert_eq!(dropped.get(), 1);
}

#[test]
fn catches_nest_with_each_other_and_with_stds() {
    for depth in 0..20 {
        let caught = catch_unwind(|| {
            let inner = std::panic::catch_unwind(|| {
                let innermost = catch_unwind(|| panic_any(depth));
                let payload = innermost.unwrap_err();
                assert!(!thread::panicking());
                resume_unwind(payload)
            });
            let payload: Box<dyn std::any::Any + Send> = inner.unwrap_err();
            own_panics(|| resume_unwind(payload))
        });
        let payload = caught.unwrap_err();
        assert_eq!(*payload.downcast::<i32>().unwrap(), depth);
    }
    assert!(!thread::panicking());
}

#[test]
fn a_panic_may_be_caught_while_another_unwinds() {
    struct Catches<'a>(&'a Cell<bool>);
    impl Drop for Catches<'_> {
        fn drop(&mut self) {
            assert!(thread::panicking());
            self.0.set(catch_unwind(|| panic!("inner")).is_err());
            assert!(thread::panicking());
        }
    }
    let caught = Cell::new(false);
    let outer = catch_unwind(AssertUnwindSafe(|| {
        let _catches = Catches(&caught);
        panic!("outer")
    }));
    assert_eq!(outer.unwrap_err().downcast_ref::<&str>(), Some(&"outer"));
    assert!(caught.get());
}

#[test]
fn nothing_leaves_discard_panic() {
    let dropped = Cell::new(0);
    discard_panic(|| drop(Counted(&dropped, true)));
    assert_eq!(dropped.get(), 1);

    /// A payload that panics, too.
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            panic!("a payload");
        }
    }
    discard_panic(|| panic_any(Payload));
    assert!(!thread::panicking());
}

#[test]
fn threads_catch_at_once() {
    let threads: Vec<_> = (0..8_u32)
        .map(|at| {
            thread::spawn(move || {
                for round in 0..200 {
                    let caught = catch_unwind(|| panic_any((at, round)));
                    let payload = caught.unwrap_err();
                    assert_eq!(*payload.downcast::<(u32, u32)>().unwrap(), (at, round));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}
