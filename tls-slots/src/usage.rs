//! What each image has alive: adds up the counters that `tls-keys`' `usage.rs` describes, and keeps the
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
use crate::keys::usage::{self, Counted, Counters, LINE_SIZE, LINES};
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
    /// The holds of all images, see `tls_keys::usage::Hold`. Invariant: no count is zero. Lock order: after
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

/// Which lines of the counters are taken.
///
/// Invariant: a line below `next` is an image's, or free, but for the last line, which is shared by all
/// images that found no other.
pub(crate) struct Lines {
    next: usize,
    free: Vec<usize>,
}

impl Lines {
    /// All free but the first one, the host's.
    pub(crate) const fn new() -> Self {
        Self {
            next: 1,
            free: Vec::new(),
        }
    }

    /// A line for an image.
    pub(crate) fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            let line = self.next.min(LINES - 1);
            self.next = (self.next + 1).min(LINES - 1);
            line
        })
    }

    /// A line of an image that is no more, and that had nothing alive.
    pub(crate) fn give_back(&mut self, line: usize) {
        if line != LINES - 1 {
            self.free.push(line);
        }
    }
}

/// The offset of a line, which is what an image knows of it.
pub(crate) fn place(line: usize) -> usize {
    line * LINE_SIZE
}

/// What of an image is alive, by kind, see the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Alive {
    pub(crate) tasks: usize,
    pub(crate) blocking: usize,
    pub(crate) calls: usize,
    pub(crate) deferred: usize,
}

/// What is alive of the image with that line.
pub(crate) fn alive(line: usize) -> Alive {
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
            ended[what as usize] = sum(&|counters| counters.ended(line, what));
        }
        // What has begun is read after what has ended.
        fence(Ordering::SeqCst);
        for what in Counted::ALL {
            begun[what as usize] = sum(&|counters| counters.begun(line, what));
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
    let record = unsafe { registry::record(usage::key()) };
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
/// The place must be one that the registry has given out.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
extern "C" fn tls_slots_count_v1(place: usize, what: Counted, ended: bool) {
    GONE.count(place / LINE_SIZE, what, ended);
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
        let mut lines = Lines::new();
        let all: Vec<_> = (1..LINES).map(|_| lines.take()).collect();
        assert_eq!(all, (1..LINES).collect::<Vec<_>>());
        assert_eq!((lines.take(), lines.take()), (LINES - 1, LINES - 1));
        lines.give_back(5);
        lines.give_back(LINES - 1);
        assert_eq!((lines.take(), lines.take()), (5, LINES - 1));
    }

    #[test]
    fn what_begins_on_one_thread_may_end_on_another_and_threads_may_be_gone() {
        let line = 77;
        let place = place(line);
        // SAFETY: a line that no image of this test has.
        let begin = move || unsafe { usage::begin_at(place, Counted::Task) };
        // SAFETY: as above.
        let end = move || unsafe { usage::end_at(place, Counted::Task) };
        assert_eq!(alive(line), Alive::default());
        begin();
        std::thread::spawn(move || {
            begin();
            begin();
            end();
        })
        .join()
        .unwrap();
        assert_eq!(alive(line).tasks, 2);
        std::thread::spawn(move || (end(), end())).join().unwrap();
        assert_eq!(alive(line), Alive::default());
    }
}
