//! A value that many threads read, and one thread replaces.
//!
//! # The problem
//!
//! Each call reads which generation is the newest, on all workers of a runtime at once. A lock, or
//! the count of an `Arc`, would be one cache line that all of them write to. And whoever replaces
//! the value must know when no thread is between the read and the use. Only then no call can find a
//! closed gate.
//!
//! # The way
//!
//! There are several counts of readers, each in a cache line of its own, and each thread uses one
//! of them:
//!
//! ```text
//! reader:  count += 1;  read the pointer;  use it;  count -= 1
//! writer:  exchange the pointer;  for each count: wait until it is 0 once
//! ```
//!
//! All of these accesses are sequentially consistent, so they have one order. A reader that got the
//! old pointer has read it before the exchange. It had counted before that. So the writer finds its
//! count until the reader is done. If the writer finds a count at 0, no reader in it has the old
//! pointer, and readers that come later get the new one. So the writer may look at one count after
//! the other.
//!
//! A read is short: it clones an `Arc`, or begins a call. The writer sleeps between its looks.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::time::Duration;

/// How many counts of readers there are. If there are more threads, some share one.
const COUNTS: usize = 32;

/// How many threads are reading. Two cache lines long, because x86-64 fetches lines in pairs.
#[repr(align(128))]
#[derive(Default)]
struct Readers(AtomicUsize);

/// A value that many threads read, and one thread replaces.
pub(super) struct Cell<T> {
    /// Invariant: null, or from `Arc::into_raw`, and the cell owns one strong reference.
    current: AtomicPtr<T>,
    readers: [Readers; COUNTS],
}

// SAFETY: the cell is an `Arc<T>` that may be dropped on any thread, which needs `T: Send + Sync`.
unsafe impl<T: Send + Sync> Send for Cell<T> {}
// SAFETY: through a shared cell, any thread gets a `&T` or an `Arc<T>`, which needs
// `T: Send + Sync`.
unsafe impl<T: Send + Sync> Sync for Cell<T> {}

/// The number of the count that the calling thread uses.
fn own_count() -> usize {
    /// The number for the next thread. It only grows. Any value is as good as another.
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % COUNTS;
    }
    OWN.try_with(|own| *own).unwrap_or(0)
}

/// Ends a read, even if it panics.
struct Reading<'a>(&'a AtomicUsize);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<T> Cell<T> {
    pub(super) fn new(value: Arc<T>) -> Self {
        Self {
            current: AtomicPtr::new(Arc::into_raw(value).cast_mut()),
            readers: Default::default(),
        }
    }

    /// Uses the value, if there is one. [`replace`](Self::replace) does not give the value to
    /// anybody before `read` has returned.
    pub(super) fn read<R>(&self, read: impl FnOnce(Option<&T>) -> R) -> R {
        let count = &self.readers[own_count()].0;
        count.fetch_add(1, Ordering::SeqCst);
        let _reading = Reading(count);
        // SAFETY: by the invariant, the pointer is null or the cell's reference. It was in the cell
        // after this read was counted, so `replace` does not give the reference away before this
        // read is over.
        read(unsafe { self.current.load(Ordering::SeqCst).as_ref() })
    }

    /// The value, for as long as the caller wants.
    pub(super) fn get(&self) -> Option<Arc<T>> {
        self.read(|value| {
            let pointer: *const T = value?;
            // SAFETY: `current` is from `Arc::into_raw`, and the cell owns a reference during the
            // read. The new reference is the result's.
            unsafe {
                Arc::increment_strong_count(pointer);
                Some(Arc::from_raw(pointer))
            }
        })
    }

    /// Replaces the value, and waits until no read uses the old one any more. A thread that has an
    /// `Arc` of the old value keeps it.
    ///
    /// While this runs, a new read finds the old or the new value. After this has returned, every
    /// read finds the new value.
    pub(super) fn replace(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
        let new = value.map_or(ptr::null(), Arc::into_raw).cast_mut();
        let old = self.current.swap(new, Ordering::SeqCst);
        for count in &self.readers {
            let mut pause = Duration::from_micros(1);
            while count.0.load(Ordering::SeqCst) != 0 {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(1));
            }
        }
        // SAFETY: by the invariant, `old` is null or the cell's reference. It has left the cell,
        // and no read uses it any more.
        unsafe { owned(old) }
    }
}

/// Takes a reference over from a pointer.
///
/// # Safety
///
/// The pointer must be null, or from `Arc::into_raw` with a reference that the caller owns.
unsafe fn owned<T>(pointer: *const T) -> Option<Arc<T>> {
    // SAFETY: the pointer is not null, so the caller owns a reference of it, and gives it to the
    // result.
    (!pointer.is_null()).then(|| unsafe { Arc::from_raw(pointer) })
}

impl<T> Drop for Cell<T> {
    fn drop(&mut self) {
        // SAFETY: by the invariant, it is null or the cell's reference. Nobody reads, as the cell
        // is borrowed exclusively.
        drop(unsafe { owned(*self.current.get_mut()) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    /// A value that knows whether it was given back.
    struct Value {
        number: usize,
        is_closed: AtomicBool,
    }

    fn value(number: usize) -> Arc<Value> {
        Arc::new(Value {
            number,
            is_closed: AtomicBool::new(false),
        })
    }

    #[test]
    fn nobody_reads_what_was_replaced() {
        let cell = Cell::new(value(0));
        let replaced = AtomicUsize::new(0);
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut last = 0;
                    while !ended.load(Ordering::SeqCst) {
                        let known = replaced.load(Ordering::SeqCst);
                        let number = cell.read(|value| {
                            let value = value.expect("it is never taken");
                            if value.number % 16 == 0 {
                                // The writer may run in the middle of this read.
                                thread::yield_now();
                            }
                            assert!(!value.is_closed.load(Ordering::SeqCst), "it was given back");
                            value.number
                        });
                        assert!(number >= known, "an older one after `replace` has returned");
                        assert!(number >= last, "time goes backwards");
                        last = cell.get().expect("it is never taken").number;
                        assert!(last >= number);
                    }
                });
            }
            // The old values are kept, so that a reader that is too late finds `is_closed`, and not
            // a new value at the same address.
            let mut kept = Vec::new();
            for number in 1..20_000 {
                let old = cell.replace(Some(value(number)));
                let old = old.expect("it is never taken");
                assert_eq!(old.number, number - 1);
                old.is_closed.store(true, Ordering::SeqCst);
                replaced.store(number, Ordering::SeqCst);
                kept.push(old);
            }
            ended.store(true, Ordering::SeqCst);
        });
        let last = cell.replace(None).expect("it is there");
        assert_eq!((last.number, Arc::strong_count(&last)), (19_999, 1));
        assert!(cell.get().is_none() && cell.read(|value| value.is_none()));
    }

    #[test]
    fn a_read_that_panics_is_over() {
        let cell = Cell::new(value(0));
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            cell.read(|_| std::panic::resume_unwind(Box::new(())));
        }));
        assert!(panic.is_err());
        let old = cell.replace(Some(value(1))).expect("it is there");
        assert_eq!(Arc::strong_count(&old), 1);
    }
}
