//! What stands in the place of `sync.rs` of both crates: loom's locks, atomics, statics and
//! thread-locals, and an allocator that keeps books.
//!
//! Keys are made by `const` functions, and loom's atomics cannot be. So an atomic here is made on
//! its first use, which [`settle`](AtomicPtr::settle) brings about before there are other threads.
//!
//! Memory is never given back while a model runs, but marked: what is dropped or freed says so when
//! somebody comes back to it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;

pub(crate) use std::alloc::Layout;
pub(crate) use std::panic::catch_unwind;
use std::sync::PoisonError;
pub(crate) use std::sync::atomic::Ordering;

pub(crate) use loom::sync::atomic::AtomicBool;
pub(crate) use loom::sync::{Mutex, MutexGuard};

/// No panic is meant to be contained in a model: it would hide what went wrong.
pub(crate) fn discard_panic(f: impl FnOnce()) {
    f();
}

/// As in `sync.rs`.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As in `sync.rs`.
pub(crate) fn into_value<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Statics that are made anew for every run of a model.
macro_rules! statics {
    ($($(#[$attr:meta])* static $name:ident: $t:ty = $init:expr;)*) => {
        loom::lazy_static! { $($(#[$attr])* static ref $name: $t = $init;)* }
    };
}
pub(crate) use statics;

/// Loom's macro knows no `const { }`.
macro_rules! locals {
    ($($(#[$attr:meta])* static $name:ident: $t:ty = const $init:block;)*) => {
        loom::thread_local! { $($(#[$attr])* static $name: $t = $init;)* }
    };
}
pub(crate) use locals as thread_local;

/// See `sync.rs`: every read comes after the write, and before the block is freed.
pub(crate) struct LifetimeCheck(loom::cell::UnsafeCell<()>);

impl LifetimeCheck {
    pub(crate) fn new() -> Self {
        let cell = loom::cell::UnsafeCell::new(());
        cell.with_mut(|_| ());
        Self(cell)
    }

    pub(crate) fn read(&self) {
        self.0.with(|_| ());
    }

    pub(crate) fn free(&self) {
        self.0.with_mut(|_| ());
    }
}

macro_rules! atomic {
    ($name:ident $(<$t:ident>)? of $value:ty) => {
        /// An atomic that can be made in a `const`, and knows when its memory is gone.
        pub(crate) struct $name $(<$t>)? {
            first: $value,
            atomic: OnceCell<loom::sync::atomic::$name $(<$t>)?>,
            gone: Cell<bool>,
        }

        impl $(<$t>)? $name $(<$t>)? {
            pub(crate) const fn new(first: $value) -> Self {
                Self { first, atomic: OnceCell::new(), gone: Cell::new(false) }
            }

            /// Makes the atomic, while the calling thread is the only one that knows it.
            pub(crate) fn settle(&self) -> &loom::sync::atomic::$name $(<$t>)? {
                assert!(!self.gone.get(), "used after its memory was given back");
                self.atomic.get_or_init(|| loom::sync::atomic::$name::new(self.first))
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.settle().load(order)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.settle().store(value, order);
            }

            /// A plain load: loom fails the model if a store may happen at the same time.
            pub(crate) fn plain_load(&self) -> $value {
                // SAFETY: that is what loom checks.
                unsafe { self.settle().unsync_load() }
            }
        }

        /// Its memory is given back: loom fails the model if anybody may still be at it.
        impl $(<$t>)? Drop for $name $(<$t>)? {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    return;
                }
                self.settle();
                if let Some(atomic) = self.atomic.get_mut() {
                    atomic.with_mut(|_| ());
                }
                self.gone.set(true);
            }
        }
    };
}

atomic!(AtomicPtr<T> of *mut T);
atomic!(AtomicUsize of usize);

std::thread_local! {
    /// The blocks of this run, and whether each is still in use. All threads of a model run on one
    /// thread of the system, and loom need not know of the books.
    static BLOCKS: RefCell<HashMap<usize, (Layout, bool)>> = RefCell::default();
}

/// # Safety
///
/// As [`std::alloc::alloc`].
pub(crate) unsafe fn alloc(layout: Layout) -> *mut u8 {
    // SAFETY: the caller's promise.
    let at = unsafe { std::alloc::alloc(layout) };
    BLOCKS.with_borrow_mut(|blocks| blocks.insert(at as usize, (layout, true)));
    at
}

/// Marks a block as free.
///
/// # Safety
///
/// As [`std::alloc::dealloc`].
pub(crate) unsafe fn dealloc(at: *mut u8, layout: Layout) {
    BLOCKS.with_borrow_mut(|blocks| {
        let block = blocks.get_mut(&(at as usize)).expect("a block of ours");
        assert_eq!(*block, (layout, true), "freed twice, or as another type");
        block.1 = false;
    });
    // SAFETY: a block of that size, which nobody uses any more.
    unsafe { at.write_bytes(0xDD, layout.size()) }
}

/// Whether a value is in a block that is in use.
pub(crate) fn is_in_use<T>(value: &T) -> bool {
    let at = std::ptr::from_ref(value) as usize;
    BLOCKS.with_borrow(|blocks| blocks.get(&at).is_some_and(|block| block.1))
}

/// At the end of a run: nothing is left, and memory really goes.
pub(crate) fn assert_all_freed() {
    let blocks = BLOCKS.take();
    let left = blocks.values().filter(|block| block.1).count();
    for (at, (layout, _)) in blocks {
        // SAFETY: from `alloc`, with that layout, and off the books.
        unsafe { std::alloc::dealloc(at as *mut u8, layout) }
    }
    assert_eq!(left, 0, "values were leaked");
}
