//! What of an image is in use, counted for unloading it.
//!
//! The problem: when the code of a module is unmapped, nothing may be left that would run it. A task, for
//! one, is known to the runtime by functions of the image that spawned it. So each image counts what it has
//! begun and what has ended, and the host (`tls-slots`, `usage.rs`) unmaps a module when the two are equal.
//!
//! # How counting costs next to nothing
//!
//! Each thread has a block of [`Counters`] in the host's memory, with a row for each image, and is the
//! only one to write to it. So counting is an addition without a bus lock: load the block's address, which
//! is a thread-local key as any other, add the offset of the image's row, add one. The host adds up the threads'
//! blocks when it wants to know.
//!
//! What has begun and what has ended are counted apart, and a thing may end on another thread than it began
//! on. The host first reads all that has ended, then all that has begun. Both only grow, so if the sums are
//! equal, there was a moment between the two readings when nothing was alive.
//!
//! | who | counts |
//! | --- | --- |
//! | the forked tokio | tasks and blocking calls, from the allocation of their cell to its deallocation |
//! | the forked crossbeam-epoch | deferred functions, from `defer` until they have run |
//! | the host's loader | calls of entries, until their future is dropped |
//! | whoever keeps code of an image elsewhere | a [`Hold`](crate::Hold) |

use crate::abi::{self, Key};
use crate::arch;
use crate::sync::{AtomicU32, AtomicUsize, Ordering};

/// What is counted on the fast path.
#[repr(usize)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// A task: the memory behind a `JoinHandle` or a waker.
    Task = 0,
    /// A call that waits for, or runs on, a thread of the blocking pool.
    Blocking = 1,
    /// A call of an entry.
    Call = 2,
    /// A function that runs when no thread can need any more what it frees: `crossbeam-epoch`'s.
    Deferred = 3,
}

impl Counted {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Task, Self::Blocking, Self::Call, Self::Deferred];
}

/// How many rows a block has. The last one is for all images that found no row of their own; they
/// are unloaded when none of them has anything alive.
pub const ROWS: usize = 128;

/// Counters of one image and one thread.
#[repr(C)]
#[derive(Debug)]
struct Row {
    begun: [AtomicU32; 4],
    ended: [AtomicU32; 4],
}

impl Row {
    const fn new() -> Self {
        Self {
            begun: [const { AtomicU32::new(0) }; 4],
            ended: [const { AtomicU32::new(0) }; 4],
        }
    }
}

/// One thread's counters: a row for each image. Only its thread writes to it.
///
/// The counters wrap. Differences are right as long as fewer than 2³² things are alive.
#[repr(C)]
#[derive(Debug)]
pub struct Counters([Row; ROWS]);

impl Counters {
    /// All zero.
    pub const fn new() -> Self {
        Self([const { Row::new() }; ROWS])
    }

    /// How many have begun. To be read after [`ended`](Self::ended) of all threads.
    pub fn begun(&self, row: usize, what: Counted) -> u32 {
        self.0[row].begun[what as usize].load(Ordering::Acquire)
    }

    /// How many have ended.
    pub fn ended(&self, row: usize, what: Counted) -> u32 {
        self.0[row].ended[what as usize].load(Ordering::Acquire)
    }

    /// Adds one, on any thread.
    pub fn count(&self, row: usize, what: Counted, ended: bool) {
        let row = &self.0[row];
        let counters = if ended { &row.ended } else { &row.begun };
        counters[what as usize].fetch_add(1, Ordering::AcqRel);
    }

    /// Adds the counters of another block, whose thread does not count any more.
    pub fn absorb(&self, other: &Self) {
        for (to, from) in self.0.iter().zip(&other.0) {
            let all = to.begun.iter().zip(&from.begun);
            for (to, from) in all.chain(to.ended.iter().zip(&from.ended)) {
                let count = from.load(Ordering::Relaxed);
                if count != 0 {
                    to.fetch_add(count, Ordering::AcqRel);
                }
            }
        }
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}

/// Adds one to a counter of the calling thread.
#[inline(always)]
fn add(counter: &AtomicU32) {
    // Not `fetch_add`: there is no other writer. Release, so that who reads the sum sees all that
    // happened before.
    let count = counter.load(Ordering::Relaxed);
    counter.store(count.wrapping_add(1), Ordering::Release);
}

/// Offset of this image's row in a block.
///
/// Invariant: a multiple of a row's size and less than a block's. Written by the host's registry, before other
/// code of the image runs and after all of it; zero, the host's own row, before that.
static ROW: AtomicUsize = AtomicUsize::new(0);

crate::__key_record!(ThreadLocal COUNTERS [Counters]);
crate::__in_keys_section! {
    /// The calling thread's block. The host links this crate, so the key is shared.
    static COUNTERS: Key = Key::thread_local::<Counters>(crate::__declared!(COUNTERS [Counters]), init_at);
}

unsafe extern "C-unwind" fn init_at(storage: *mut u8) {
    // SAFETY: `Key::init` promises valid storage of this type's size and alignment.
    unsafe { storage.cast::<Counters>().write(Counters::new()) }
}

/// The key of the threads' blocks, for the host.
#[doc(hidden)]
pub fn key() -> &'static Key {
    &COUNTERS
}

/// Where the offset of this image's row is kept, for the host.
#[doc(hidden)]
pub(crate) fn row() -> *const AtomicUsize {
    &raw const ROW
}

/// The calling thread's row at an offset; `None` when the thread has ended.
///
/// # Safety
///
/// `offset` must be as [`ROW`] is.
#[inline(always)]
unsafe fn row_at<'a>(offset: usize) -> Option<&'a Row> {
    // SAFETY: `Key::slot` is inside the table by its invariant.
    let mut block = unsafe { arch::value(COUNTERS.slot()) };
    if block.is_null() {
        block = cold();
        if block.is_null() {
            return None;
        }
    }
    // SAFETY: a live `Counters` of this thread, and a row of it by the caller's promise.
    Some(unsafe { &*block.add(offset).cast::<Row>() })
}

#[cold]
#[inline(never)]
fn cold() -> *mut u8 {
    // SAFETY: the key of this very type.
    let block = unsafe { crate::local::cold::<Counters>(&COUNTERS, None, Counters::new) };
    block.cast_mut().cast()
}

/// Something of this image has begun.
#[inline(always)]
pub fn begin(what: Counted) {
    // SAFETY: the static's invariant.
    unsafe { begin_at(ROW.load(Ordering::Relaxed), what) }
}

/// Something of this image has ended. Its code may still be running.
#[inline(always)]
pub fn end(what: Counted) {
    // SAFETY: the static's invariant.
    unsafe { end_at(ROW.load(Ordering::Relaxed), what) }
}

/// [`begin`] on behalf of the image whose row has that offset.
///
/// # Safety
///
/// The offset must be one that the registry has given out.
#[doc(hidden)]
#[inline(always)]
pub unsafe fn begin_at(offset: usize, what: Counted) {
    // SAFETY: the caller's promise.
    match unsafe { row_at(offset) } {
        Some(row) => add(&row.begun[what as usize]),
        // SAFETY: as above.
        None => unsafe { abi::count(offset, what, false) },
    }
}

/// [`end`] on behalf of the image whose row has that offset.
///
/// # Safety
///
/// As [`begin_at`].
#[doc(hidden)]
#[inline(always)]
pub unsafe fn end_at(offset: usize, what: Counted) {
    // SAFETY: the caller's promise.
    match unsafe { row_at(offset) } {
        Some(row) => add(&row.ended[what as usize]),
        // SAFETY: as above.
        None => unsafe { abi::count(offset, what, true) },
    }
}

/// The size of an image's part of a block, for the host.
#[doc(hidden)]
pub const ROW_SIZE: usize = size_of::<Row>();
