//! What each image has alive: adds up the counters that `tls-keys`' `counters.rs` describes, and keeps the
//! named holds.
//!
//! The problem: a module may be unmapped only when nothing refers to its code. What happens often, tasks and
//! calls, is counted by each thread for itself; what happens seldom stands in a list here.
//!
//! # Why the sum is exact
//!
//! [`alive`] reads all counters of what has ended, then all of what has begun. Counters only grow (they
//! wrap, which differences do not mind). Let E be the first sum and B the second one: at the moment between
//! the two readings, at least E had ended, and at most B had begun. So if E equals B, nothing was alive at
//! that moment. A thread that ends adds its counters to [`GONE`] under the lock of the list of threads,
//! which is held during both readings.

use std::time::Instant;

use crate::keys::abi::{Key, Text};
use crate::keys::counters::{self, Counted, Counters, ROW_SIZE, ROWS};
use crate::sync::{Mutex, MutexGuard, Ordering, PoisonError, fence, statics};
use crate::{registry, thread};

/// What threads that have ended had counted, and what they counted while they ended.
static GONE: Counters = Counters::new();

/// A named hold of an image.
struct Held {
    image: *const Key,
    name: String,
    count: usize,
}

// SAFETY: the address is only compared.
unsafe impl Send for Held {}

statics! {
    /// The holds of all images, see `tls_keys::Hold`. Invariant: no count is zero. Lock order: after
    /// the registry's; nobody's code runs under it.
    static HELD: Mutex<Vec<Held>> = Mutex::new(Vec::new());
}

statics! {
    /// When an image was last let go by a hold. Lock order as for [`HELD`].
    static LET_GO: Mutex<Vec<(usize, Instant)>> = Mutex::new(Vec::new());
}

fn let_go() -> MutexGuard<'static, Vec<(usize, Instant)>> {
    LET_GO.lock().unwrap_or_else(PoisonError::into_inner)
}

/// When an image was last let go by a hold: what the hold was part of may still be on its way to free its memory.
#[cfg(feature = "load")]
pub(crate) fn last_let_go(image: *const Key) -> Option<Instant> {
    let let_go = let_go();
    let found = let_go.iter().find(|(known, _)| *known == image as usize);
    found.map(|(_, when)| *when)
}

fn held() -> MutexGuard<'static, Vec<Held>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which rows of the counters are taken.
///
/// Invariant: a row below `next` is an image's, or free, but for the last row, which is shared by all
/// images that found no other.
pub(crate) struct Rows {
    next: usize,
    free: Vec<usize>,
}

impl Rows {
    /// All free but the first one, the host's.
    pub(crate) const fn new() -> Self {
        Self {
            next: 1,
            free: Vec::new(),
        }
    }

    /// A row for an image.
    pub(crate) fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            let row = self.next.min(ROWS - 1);
            self.next = (self.next + 1).min(ROWS - 1);
            row
        })
    }

    /// A row of an image that is no more, and that had nothing alive.
    pub(crate) fn give_back(&mut self, row: usize) {
        if row != ROWS - 1 {
            self.free.push(row);
        }
    }
}

/// The offset of a row, which is what an image knows of it.
pub(crate) fn offset(row: usize) -> usize {
    row * ROW_SIZE
}

/// What of an image is alive, by kind, see the module.
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
    thread::with_values(index(), |blocks| {
        let sum = |of: &dyn Fn(&Counters) -> u32| {
            let all = blocks.iter().map(|block| {
                // SAFETY: a live value of this key, as `with_values` promises.
                of(unsafe { &*block.cast::<Counters>() })
            });
            all.fold(of(&GONE), u32::wrapping_add)
        };
        for what in Counted::ALL {
            ended[what as usize] = sum(&|counters| counters.ended(row, what));
        }
        // What has begun is read after what has ended.
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

/// The index of the threads' blocks among their values.
fn index() -> usize {
    // SAFETY: a key of this executable.
    let record = unsafe { registry::record(counters::key()) };
    // The host's first code registers it; before that no thread has a block.
    record.map_or(usize::MAX, |record| record.index)
}

/// A thread ends: takes over its counters. Called under the lock of the list of threads, with the thread's
/// value of the key whose index is asked for.
pub(crate) fn thread_ends(value_of: impl FnOnce(usize) -> Option<*mut u8>) {
    if let Some(block) = value_of(index()) {
        // SAFETY: a live value of this key.
        GONE.absorb(unsafe { &*block.cast::<Counters>() });
    }
}

/// The named holds of an image, with counts.
#[cfg(feature = "load")]
pub(crate) fn holds(image: *const Key) -> Vec<(String, usize)> {
    let held = held();
    let mut holds: Vec<_> = held
        .iter()
        .filter(|held| held.image == image)
        .map(|held| (held.name.clone(), held.count))
        .collect();
    holds.sort();
    holds
}

/// Forgets the holds of an image that is gone.
pub(crate) fn forget(image: *const Key) {
    held().retain(|held| held.image != image);
    let_go().retain(|(known, _)| *known != image as usize);
}

/// # Safety
///
/// The offset must be one that the registry has given out.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
extern "C" fn tls_slots_count_v1(offset: usize, what: Counted, ended: bool) {
    GONE.count(offset / ROW_SIZE, what, ended);
}

/// # Safety
///
/// `image` must be what identifies a loaded image, `name` a text of its own.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_hold_v1(image: *const Key, name: Text, begins: bool) {
    // SAFETY: the caller's promise.
    let name = unsafe { name.as_str() };
    let mut held = held();
    let found = held
        .iter()
        .position(|held| held.image == image && held.name == name);
    match (found, begins) {
        (Some(at), true) => held[at].count += 1,
        (Some(at), false) => {
            let mut let_go = let_go();
            let_go.retain(|(known, _)| *known != image as usize);
            let_go.push((image as usize, Instant::now()));
            drop(let_go);
            held[at].count -= 1;
            if held[at].count == 0 {
                held.swap_remove(at);
            }
        }
        (None, true) => held.push(Held {
            image,
            name: name.to_owned(),
            count: 1,
        }),
        // The image was forgotten meanwhile.
        (None, false) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_used_again_and_the_last_one_is_shared() {
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
        // SAFETY: a row that no image of this test has.
        let begin = move || unsafe { counters::begin_at(offset, Counted::Task) };
        // SAFETY: as above.
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
