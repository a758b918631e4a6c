//! What is counted of each image, and the block in which a thread counts it.
//!
//! Who counts, and why that costs next to nothing, is told in `counters.rs`.

use super::sync::{AtomicU32, Ordering};

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
    /// A deferred function of `crossbeam-epoch`. It frees something, and runs when no thread can
    /// use that any more.
    Deferred = 3,
    /// A waker of a module's own that others keep.
    Waker = 4,
}

impl Counted {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Task,
        Self::Blocking,
        Self::Call,
        Self::Deferred,
        Self::Waker,
    ];
}

/// How many rows a block has. If there are more images, they count in further blocks.
pub const ROWS: usize = 12;

/// How many kinds there are.
const KINDS: usize = Counted::ALL.len();

/// The counters of one image on one thread.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Row {
    begun: [AtomicU32; KINDS],
    ended: [AtomicU32; KINDS],
}

impl Row {
    const fn new() -> Self {
        Self {
            begun: [const { AtomicU32::new(0) }; KINDS],
            ended: [const { AtomicU32::new(0) }; KINDS],
        }
    }

    /// Something has begun. For the row's own thread only.
    #[inline(always)]
    pub(super) fn begin(&self, what: Counted) {
        add(&self.begun[what as usize]);
    }

    /// Something has ended. For the row's own thread only.
    #[inline(always)]
    pub(super) fn end(&self, what: Counted) {
        add(&self.ended[what as usize]);
    }
}

/// Adds one to a counter of the calling thread.
#[inline(always)]
fn add(counter: &AtomicU32) {
    // Not `fetch_add`: there is no other writer. Release: whoever reads the sum sees everything
    // that happened before.
    let count = counter.load(Ordering::Relaxed);
    counter.store(count.wrapping_add(1), Ordering::Release);
}

/// The size of a row, in bytes.
#[doc(hidden)]
pub const ROW_SIZE: usize = size_of::<Row>();

/// One thread's block of counters: a row for each of up to [`ROWS`] images. Only that thread writes
/// to the block.
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

    /// How many of that row have begun. To be read after [`ended`](Self::ended) of all threads.
    pub fn begun(&self, row: usize, what: Counted) -> u32 {
        self.0[row].begun[what as usize].load(Ordering::Acquire)
    }

    /// How many of that row have ended.
    pub fn ended(&self, row: usize, what: Counted) -> u32 {
        self.0[row].ended[what as usize].load(Ordering::Acquire)
    }

    /// Adds one, on any thread. For a block that many threads write to: the host's own.
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
