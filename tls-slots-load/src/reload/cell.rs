//! A value that many threads read, and one replaces.
//!
//! The problem: each call of a module reads which generation is the newest, on every worker of a runtime at once.
//! A lock, or the counter of an `Arc`, is one cache line that all of them write to. And who replaces the value
//! must know when nobody is between reading it and using it: then no call can meet a closed gate.
//!
//! So each thread counts its reads in one of several places, each a cache line of its own, and reads the
//! pointer in between:
//!
//! ```text
//! reader:  place += 1;  read the pointer;  use it;  place -= 1
//! writer:  exchange the pointer;  for each place: wait until it is 0 once
//! ```
//!
//! All of these are sequentially consistent, so they have one order. A reader that got the old pointer has read it
//! before it was exchanged, so it had counted before that, so the writer finds its count until it is done. A
//! place that is found at 0 has no such reader any more, whoever comes to it later; so the places may be
//! looked at one after another.
//!
//! A read is short by construction: it clones an `Arc`, or begins a call. The writer waits for it with sleeps.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::time::Duration;

/// How many places there are. Threads beyond that share one.
const PLACES: usize = 32;

/// Two cache lines: x86-64 fetches pairs of them.
#[repr(align(128))]
#[derive(Default)]
struct Place(AtomicUsize);

/// See the module's documentation.
pub(super) struct Cell<T> {
    /// Invariant: null, or from `Arc::into_raw`, and this owns one count of it.
    current: AtomicPtr<T>,
    places: [Place; PLACES],
}

// SAFETY: it hands out `&T` and `Arc<T>`s to any thread, and drops one on any.
unsafe impl<T: Send + Sync> Send for Cell<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Cell<T> {}

/// The calling thread's place.
fn place() -> usize {
    /// The next thread's. Only ever counts up; any value is as good as another.
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % PLACES;
    }
    OWN.try_with(|own| *own).unwrap_or(0)
}

/// Counts the read down, also when it panics.
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
            places: Default::default(),
        }
    }

    /// Uses the value, if it is there. Until `read` returns, nobody gets it from [`replace`](Self::replace).
    pub(super) fn read<R>(&self, read: impl FnOnce(Option<&T>) -> R) -> R {
        let place = &self.places[place()].0;
        place.fetch_add(1, Ordering::SeqCst);
        let _reading = Reading(place);
        // SAFETY: it was in the cell after this read was counted, so its count is not given away before
        // this read is over.
        read(unsafe { self.current.load(Ordering::SeqCst).as_ref() })
    }

    /// The value, for as long as it is wanted.
    pub(super) fn get(&self) -> Option<Arc<T>> {
        self.read(|value| {
            let pointer: *const T = value?;
            // SAFETY: `current` is from `Arc::into_raw`, and its count is the cell's during the read.
            unsafe {
                Arc::increment_strong_count(pointer);
                Some(Arc::from_raw(pointer))
            }
        })
    }

    /// Puts another value in place, and waits until nobody uses the old one without an `Arc` of his own.
    /// From when this is called, every new read may find the new value, and from when it returns, does.
    pub(super) fn replace(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
        let new = value.map_or(ptr::null(), Arc::into_raw).cast_mut();
        let old = self.current.swap(new, Ordering::SeqCst);
        for place in &self.places {
            let mut pause = Duration::from_micros(1);
            while place.0.load(Ordering::SeqCst) != 0 {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(1));
            }
        }
        // SAFETY: it has left the cell, and no read uses it any more.
        unsafe { owned(old) }
    }
}

/// # Safety
///
/// Null, or from `Arc::into_raw`, with a count that is the caller's to give away.
unsafe fn owned<T>(pointer: *const T) -> Option<Arc<T>> {
    // SAFETY: the caller's promise.
    (!pointer.is_null()).then(|| unsafe { Arc::from_raw(pointer) })
}

impl<T> Drop for Cell<T> {
    fn drop(&mut self) {
        // SAFETY: nobody reads it, as this is borrowed exclusively.
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
                                // The writer has its turn in the middle of this.
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
            // So that a reader that is too late finds its mark, and no other value in the same place.
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
