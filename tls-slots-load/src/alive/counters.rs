//! What is counted: tasks, blocking calls, calls of entries, deferred functions, wakers.
//!
//! # The problem
//!
//! A module may be unmapped only when nothing refers to its code. Tasks and calls are so frequent
//! that a shared counter would slow them down. So each thread counts for itself, as `counters.rs`
//! of `tls-keys` describes. Each thread has a block of counters, and each image has a row in every
//! block. A block has few rows, so there are further blocks when the rows are taken. Here the rows
//! are given out, and the counters are added up.
//!
//! # Why the sum is exact
//!
//! [`alive`] first reads all counters of what has ended, and then all counters of what has begun.
//! Counters only grow. (They wrap around, but differences stay right.) Let E be the first sum, and
//! B the second. At the moment between the two readings, at least E things had ended, and at most B
//! had begun. So if E equals B, nothing was alive at that moment.
//!
//! A thread that ends adds its counters to [`Blocks::gone`] under the lock of the list of threads.
//! Both readings are under that lock.

use std::iter::successors;
use std::ops::Range;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Mutex, OnceLock};

use tls_keys::abi::Key;
use tls_keys::counters::{self, Counted, Counters, ROW_SIZE, ROWS};
use tls_slots::loader::{self, AcceptedImage, ValueOf, lock};

/// A key of blocks: [`ROWS`] rows on every thread. The first blocks are the host's own.
struct Blocks {
    /// Invariant: of blocks that modules count in, this is not the definition's own key.
    ///
    /// So a thread's block is made by the host's initialiser (`access.rs` of `tls-keys`), and is
    /// written before others can find the block. Where a key is its definition's own, the caller
    /// writes the first value, and meanwhile [`alive`] would read what is not there yet.
    key: &'static Key,
    /// The counters of threads that have ended, and what threads have counted after that.
    gone: Counters,
    next: OnceLock<&'static Self>,
}

impl Blocks {
    fn of(key: &'static Key) -> Self {
        Self {
            key,
            gone: Counters::new(),
            next: OnceLock::new(),
        }
    }

    /// Further blocks.
    fn new() -> Self {
        let [key, definition_s] = [(); 2].map(|()| &*Box::leak(Box::new(counters::new_key())));
        let section = std::slice::from_ref(key).as_ptr_range();
        let image = AcceptedImage {
            start: section.start,
            end: section.end,
            row: std::ptr::null(),
        };
        // SAFETY: as if of an image, there is one key, which is never freed. Both are of blocks.
        unsafe { loader::resolve_to_another(image, key, definition_s) }
        Self::of(key)
    }

    /// The first blocks.
    fn first() -> &'static Self {
        static FIRST: OnceLock<Blocks> = OnceLock::new();
        FIRST.get_or_init(|| Self::of(counters::key()))
    }

    /// All blocks, in the order in which they were made. None is ever removed.
    fn all() -> impl Iterator<Item = &'static Self> {
        successors(Some(Self::first()), |blocks| blocks.next.get().copied())
    }

    /// The blocks with that number; made if they are the next.
    fn number(number: usize) -> &'static Self {
        (0..number).fold(Self::first(), |blocks, _| {
            blocks.next.get_or_init(|| Box::leak(Box::new(Self::new())))
        })
    }

    /// The index of the definition by which a thread's block is found among its values. Beyond what
    /// any thread has, as long as no thread can have one.
    fn index(&self) -> usize {
        // SAFETY: the key is one of this executable, or was leaked.
        let index = unsafe { loader::index_of(self.key) };
        index.unwrap_or(usize::MAX)
    }
}

/// A row of an image, on every thread.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    blocks: &'static Blocks,
    /// Invariant: less than [`ROWS`].
    place: usize,
}

impl Row {
    /// The row with that number.
    fn number(number: usize) -> Self {
        Self {
            blocks: Blocks::number(number / ROWS),
            place: number % ROWS,
        }
    }

    /// The host's.
    pub(crate) fn of_host() -> Self {
        Self::number(0)
    }

    /// Its offset in a block, in bytes.
    fn offset(self) -> usize {
        self.place * ROW_SIZE
    }

    /// Where it is counted for the image, as `tls-keys` wants it.
    pub(crate) fn counts_at(self) -> (&'static Key, usize) {
        (self.blocks.key, self.offset())
    }

    /// Something of the image has begun, on the calling thread.
    ///
    /// # Safety
    ///
    /// As [`counters::begin`], for the image that has the row.
    pub(crate) unsafe fn begin(self, what: Counted) {
        // SAFETY: a key of blocks, and the offset of a row; the caller promises the rest.
        unsafe { counters::begin_at(self.blocks.key, self.offset(), what) }
    }

    /// Something of the image has ended, on the calling thread.
    ///
    /// # Safety
    ///
    /// As [`counters::end`], for the image that has the row.
    pub(crate) unsafe fn end(self, what: Counted) {
        // SAFETY: a key of blocks, and the offset of a row; the caller promises the rest.
        unsafe { counters::end_at(self.blocks.key, self.offset(), what) }
    }
}

/// Which rows are taken, by number.
///
/// Invariant: a row below `next` is free or belongs to an image, or something that counted in it
/// was alive when its image went.
struct Rows {
    next: usize,
    free: Vec<usize>,
    /// The images that have a row, by their first key's address.
    of: Vec<(usize, usize)>,
}

/// Lock order: before the registry's. Under this lock runs no code but this file's.
static ROWS_TAKEN: Mutex<Rows> = Mutex::new(Rows::new());

impl Rows {
    /// All rows are free but those of the first blocks.
    const fn new() -> Self {
        Self {
            next: ROWS,
            free: Vec::new(),
            of: Vec::new(),
        }
    }

    /// Takes a row for an image.
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }
}

/// Gives an image that has come a row, unless it has one.
///
/// # Safety
///
/// The image must be loaded, and have presented `image.row`.
pub(crate) unsafe fn image_came(image: AcceptedImage) {
    let row = {
        let mut rows = lock(&ROWS_TAKEN);
        let start = image.start.addr();
        if rows.of.iter().any(|(known, _)| *known == start) {
            return;
        }
        let row = rows.take();
        rows.of.push((start, row));
        Row::number(row)
    };
    // SAFETY: the caller promises that the image is loaded, and that `row` is where it keeps the
    // offset of its row. Both keys are of blocks, and each offset is that of a row in both.
    unsafe {
        loader::resolve_to_another(image, counters::key(), row.blocks.key);
        (*image.row).store(row.offset(), Ordering::Relaxed);
    }
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
    if let Some(row) = taken.filter(|row| alive(Row::number(*row)) == Alive::default()) {
        lock(&ROWS_TAKEN).free.push(row);
    }
}

/// The row of an image. `None` for an image that this crate was not told of.
pub(crate) fn row_of(start: *const Key) -> Option<Row> {
    let rows = lock(&ROWS_TAKEN);
    let found = rows.of.iter().find(|(known, _)| *known == start.addr());
    found.map(|(_, row)| Row::number(*row))
}

/// The row of the image whose memory that is. `None` for one that this crate was not told of.
pub(crate) fn row_in(memory: &Range<usize>) -> Option<Row> {
    let rows = lock(&ROWS_TAKEN);
    // An image is listed by its first key, which is in its memory.
    let found = rows.of.iter().find(|(known, _)| memory.contains(known));
    found.map(|(_, row)| Row::number(*row))
}

/// How much of an image is alive, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Alive {
    pub(crate) tasks: usize,
    pub(crate) blocking: usize,
    pub(crate) calls: usize,
    pub(crate) deferred: usize,
    pub(crate) wakers: usize,
}

/// What is alive of the image with that row.
pub(crate) fn alive(row: Row) -> Alive {
    let Row { blocks, place } = row;
    let mut ended = [0_u32; Counted::ALL.len()];
    let mut begun = [0_u32; Counted::ALL.len()];
    loader::with_values(blocks.index(), |of_threads| {
        let sum = |of: &dyn Fn(&Counters) -> u32| {
            let all = of_threads.iter().map(|block| {
                // SAFETY: `with_values` gives live values of this key, which are of the type
                // `Counters`.
                of(unsafe { &*block.cast::<Counters>() })
            });
            all.fold(of(&blocks.gone), u32::wrapping_add)
        };
        for what in Counted::ALL {
            ended[what as usize] = sum(&|counters| counters.ended(place, what));
        }
        // What has begun is read after what has ended, see the top of this file.
        fence(Ordering::SeqCst);
        for what in Counted::ALL {
            begun[what as usize] = sum(&|counters| counters.begun(place, what));
        }
    });
    let of = |what: Counted| begun[what as usize].wrapping_sub(ended[what as usize]) as usize;
    Alive {
        tasks: of(Counted::Task),
        blocking: of(Counted::Blocking),
        calls: of(Counted::Call),
        deferred: of(Counted::Deferred),
        wakers: of(Counted::Waker),
    }
}

/// A thread ends. Adds its counters to [`Blocks::gone`]. Called under the lock of the list of
/// threads.
///
/// # Safety
///
/// What `value_of` gives for an index must be a live value of that definition's key.
pub(crate) unsafe fn thread_ended(value_of: &ValueOf<'_>) {
    for blocks in Blocks::all() {
        if let Some(block) = value_of(blocks.index()) {
            // SAFETY: the caller promises a live value, and that of this key is of the type
            // `Counters`.
            blocks.gone.absorb(unsafe { &*block.cast::<Counters>() });
        }
    }
}

/// Counts for a thread that has no block any more, because it is ending.
///
/// # Safety
///
/// The key's image must be loaded.
pub(crate) unsafe fn count(key: &Key, offset: usize, what: Counted, ended: bool) {
    // An image's key resolves to that of its blocks.
    let is_it = |blocks: &&Blocks| blocks.key.definition() == key.definition();
    let blocks = Blocks::all().find(is_it).unwrap_or_else(Blocks::first);
    blocks.gone.count(offset / ROW_SIZE, what, ended);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_rows_for_all_and_they_are_used_again() {
        let mut rows = Rows::new();
        let all: Vec<_> = (ROWS..1000).map(|_| rows.take()).collect();
        assert_eq!(all, (ROWS..1000).collect::<Vec<_>>());
        rows.free.push(5);
        assert_eq!((rows.take(), rows.take()), (5, 1000));
    }

    #[test]
    fn what_begins_on_one_thread_may_end_on_another_and_threads_may_be_gone() {
        // One of the first blocks, and one of others, which no image has.
        assert!(tls_slots::images()[0].is_host);
        for row in [ROWS - 1, 3 * ROWS + 1].map(Row::number) {
            // SAFETY: nobody but this test looks at the row, which no image has.
            let begin = move || unsafe { row.begin(Counted::Task) };
            // SAFETY: as for `begin`.
            let end = move || unsafe { row.end(Counted::Task) };
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

    #[test]
    fn what_is_counted_without_a_block_is_in_the_same_row() {
        let [row, other] = [Row::number(5 * ROWS + 2), Row::number(6 * ROWS + 2)];
        // SAFETY: the key was leaked.
        unsafe { count(row.blocks.key, row.offset(), Counted::Call, false) }
        assert_eq!((alive(row).calls, alive(other).calls), (1, 0));
    }
}
