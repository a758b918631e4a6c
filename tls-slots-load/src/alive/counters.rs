//! What is counted: tasks, blocking calls, calls of entries, deferred functions.
//!
//! # The problem
//!
//! A module may be unmapped only when nothing refers to its code. Tasks and calls are so frequent
//! that a shared counter would slow them down. So each thread counts for itself, as `counters.rs`
//! of `tls-keys` describes. Each thread has a block of counters, and each image has a row in every
//! block. Here the rows are given out, and the counters are added up.
//!
//! # Why the sum is exact
//!
//! [`alive`] first reads all counters of what has ended, and then all counters of what has begun.
//! Counters only grow. (They wrap around, but differences stay right.) Let E be the first sum, and
//! B the second. At the moment between the two readings, at least E things had ended, and at most B
//! had begun. So if E equals B, nothing was alive at that moment.
//!
//! A thread that ends adds its counters to [`GONE`] under the lock of the list of threads. Both
//! readings are under that lock.

use std::sync::Mutex;
use std::sync::atomic::{Ordering, fence};

use tls_keys::abi::Key;
use tls_keys::counters::{self, Counted, Counters, ROW_SIZE, ROWS};
use tls_slots::loader::{self, AcceptedImage, ValueOf, lock};

/// The counters of threads that have ended, and what threads have counted after that.
static GONE: Counters = Counters::new();

/// Which rows are taken.
///
/// Invariant: a row below `next` is free or belongs to an image. All images that found no free row
/// share the last row.
struct Rows {
    next: usize,
    free: Vec<usize>,
    /// The images that have a row, by their first key's address.
    of: Vec<(usize, usize)>,
}

/// Lock order: after the registry's. Under this lock runs no code but this file's.
static ROWS_TAKEN: Mutex<Rows> = Mutex::new(Rows::new());

impl Rows {
    /// All rows are free but the first, which is the host's.
    const fn new() -> Self {
        Self {
            next: 1,
            free: Vec::new(),
            of: Vec::new(),
        }
    }

    /// Takes a row for an image.
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            let row = self.next.min(ROWS - 1);
            self.next = (self.next + 1).min(ROWS - 1);
            row
        })
    }

    /// Gives back the row of an image that is gone and had nothing alive.
    fn give_back(&mut self, row: usize) {
        if row != ROWS - 1 {
            self.free.push(row);
        }
    }
}

/// Gives an image that has come a row, unless it has one.
///
/// # Safety
///
/// The image must be loaded, and have presented `image.row`.
pub(crate) unsafe fn image_came(image: AcceptedImage) {
    let mut rows = lock(&ROWS_TAKEN);
    let start = image.start.addr();
    let known = rows.of.iter().find(|(known, _)| *known == start);
    let row = match known {
        Some((_, row)) => *row,
        None => {
            let row = rows.take();
            rows.of.push((start, row));
            row
        }
    };
    // SAFETY: the caller promises that this is where the loaded image keeps the offset of its row.
    unsafe { (*image.row).store(offset(row), Ordering::Relaxed) };
}

/// Takes the row back from an image that goes.
///
/// # Safety
///
/// The image must still be mapped.
pub(crate) unsafe fn image_left(image: AcceptedImage) {
    // SAFETY: the caller promises that the image is mapped, and the image has told where it keeps
    // the offset of its row.
    unsafe { (*image.row).store(0, Ordering::Relaxed) };
    let start = image.start.addr();
    let taken = {
        let mut rows = lock(&ROWS_TAKEN);
        let at = rows.of.iter().position(|(known, _)| *known == start);
        at.map(|at| rows.of.swap_remove(at).1)
    };
    // If something is alive, the row is not used again. Else it would count for the next image.
    if let Some(row) = taken.filter(|row| alive(*row) == Alive::default()) {
        lock(&ROWS_TAKEN).give_back(row);
    }
}

/// The row of an image. `None` for an image that this crate was not told of.
pub(crate) fn row_of(start: *const Key) -> Option<usize> {
    let rows = lock(&ROWS_TAKEN);
    let found = rows.of.iter().find(|(known, _)| *known == start.addr());
    found.map(|(_, row)| *row)
}

/// The offset of a row in a block, in bytes. An image knows only this.
pub(crate) fn offset(row: usize) -> usize {
    row * ROW_SIZE
}

/// How much of an image is alive, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Alive {
    pub(crate) tasks: usize,
    pub(crate) blocking: usize,
    pub(crate) calls: usize,
    pub(crate) deferred: usize,
}

/// What is alive of the image with that row.
pub(crate) fn alive(row: usize) -> Alive {
    let mut ended = [0_u32; Counted::ALL.len()];
    let mut begun = [0_u32; Counted::ALL.len()];
    loader::with_values(index(), |blocks| {
        let sum = |of: &dyn Fn(&Counters) -> u32| {
            let all = blocks.iter().map(|block| {
                // SAFETY: `with_values` gives live values of this key, which are of the type
                // `Counters`.
                of(unsafe { &*block.cast::<Counters>() })
            });
            all.fold(of(&GONE), u32::wrapping_add)
        };
        for what in Counted::ALL {
            ended[what as usize] = sum(&|counters| counters.ended(row, what));
        }
        // What has begun is read after what has ended, see the top of this file.
        fence(Ordering::SeqCst);
        for what in Counted::ALL {
            begun[what as usize] = sum(&|counters| counters.begun(row, what));
        }
    });
    let of = |what: Counted| begun[what as usize].wrapping_sub(ended[what as usize]) as usize;
    Alive {
        tasks: of(Counted::Task),
        blocking: of(Counted::Blocking),
        calls: of(Counted::Call),
        deferred: of(Counted::Deferred),
    }
}

/// The index of the definition by which a thread's block is found among its values.
fn index() -> usize {
    // SAFETY: the key is one of this executable, which is loaded.
    let index = unsafe { loader::index_of(counters::key()) };
    // The host's first code registers the key. Before that, no thread has a block.
    index.unwrap_or(usize::MAX)
}

/// A thread ends. Adds its counters to [`GONE`]. Called under the lock of the list of threads.
///
/// # Safety
///
/// What `value_of` gives for an index must be a live value of that definition's key.
pub(crate) unsafe fn thread_ended(value_of: &ValueOf<'_>) {
    if let Some(block) = value_of(index()) {
        // SAFETY: the caller promises a live value, and that of this key is of the type `Counters`.
        GONE.absorb(unsafe { &*block.cast::<Counters>() });
    }
}

/// Counts for a thread that has no block any more, because it is ending.
pub(crate) fn count(offset: usize, what: Counted, ended: bool) {
    GONE.count(offset / ROW_SIZE, what, ended);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_used_again_and_the_last_one_is_shared() {
        let mut rows = Rows::new();
        let all: Vec<_> = (1..ROWS).map(|_| rows.take()).collect();
        assert_eq!(all, (1..ROWS).collect::<Vec<_>>());
        assert_eq!((rows.take(), rows.take()), (ROWS - 1, ROWS - 1));
        rows.give_back(5);
        rows.give_back(ROWS - 1);
        assert_eq!((rows.take(), rows.take()), (5, ROWS - 1));
    }

    #[test]
    fn what_begins_on_one_thread_may_end_on_another_and_threads_may_be_gone() {
        let row = 77;
        let offset = offset(row);
        // SAFETY: the row is in range, and no image of this test has it.
        let begin = move || unsafe { counters::begin_at(offset, Counted::Task) };
        // SAFETY: the row is in range, and no image of this test has it.
        let end = move || unsafe { counters::end_at(offset, Counted::Task) };
        assert_eq!(alive(row), Alive::default());
        begin();
        std::thread::spawn(move || {
            begin();
            begin();
            end();
        })
        .join()
        .unwrap();
        assert_eq!(alive(row).tasks, 2);
        std::thread::spawn(move || (end(), end())).join().unwrap();
        assert_eq!(alive(row), Alive::default());
    }
}
