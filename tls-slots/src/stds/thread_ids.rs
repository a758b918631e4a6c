//! A range of thread ids for each module.
//!
//! # The problem
//!
//! [`std::thread::ThreadId`] is a number that std counts up from 1, and each image has its own std.
//! So two images may give two threads the same id. Safe code relies on different ids:
//! crossbeam-channel does not wake a thread that has the waker's own id, and send_wrapper gives a
//! value back to whoever has the id that put the value in.
//!
//! # What is done
//!
//! The host's own ids start at 1. Module number *n* of the process gets the ids above *n* · 2⁴⁰. It
//! gets them while its constructors run, before its other code. A range is never used again. There
//! are two ways:
//!
//! | [`ThreadIds`] | how | costs | limits |
//! | --- | --- | --- | --- |
//! | `Move` | the counter of the module's std is found and set (`id_counter.rs`) | six short threads per load, whatever *n* is | x86-64 and aarch64 with glibc ≥ 2.34; else as `Burn` |
//! | `Burn` | ids are used up by spawns that fail | 0.5 µs per id, so *n* · 2 ms | 4,096 ids per image, 15 modules |
//! | `Leave` | nothing | nothing | ids collide |

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::id_counter;
use crate::image::memory::Memory;
use crate::keys::abi::Std;

/// How modules get thread ids that are not the host's or another module's; see [`thread_ids`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadIds {
    /// The counter of the module's std is found in its memory and set, so that the module has 2⁴⁰
    /// ids of its own. Where that is not possible, as [`Burn`](Self::Burn).
    Move = 0,
    /// By safe code only: the ids of images loaded before are used up, by spawns that fail. An
    /// image has 4,096 ids, the host included, and collides with the next one beyond; the sixteenth
    /// module and later ones are left alone. May keep `dlclose` from unmapping the module until the
    /// loading thread ends.
    Burn = 1,
    /// Modules count from 1, as does the host: a [`ThreadId`](std::thread::ThreadId) says nothing
    /// outside of its image.
    Leave = 2,
}

static POLICY: AtomicU8 = AtomicU8::new(ThreadIds::Move as u8);

/// Chooses how modules that are loaded from now on get their thread ids. [`ThreadIds::Move`] if
/// this is never called.
///
/// # Examples
///
/// ```
/// tls_slots::thread_ids(tls_slots::ThreadIds::Burn);
/// ```
pub fn thread_ids(policy: ThreadIds) {
    POLICY.store(policy as u8, Ordering::Relaxed);
}

/// The number of the next module.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// How many modules there are ranges for: the topmost ids stay unused.
const MODULES: u64 = 1 << 22;

/// Position of a module's number in its ids.
const SHIFT: u32 = 40;

/// How many ids an image has when ids are burnt, and how many are burnt at most: 34 ms.
const BURNT_RANGE: u64 = 4096;
const BURNT: u64 = 16 * BURNT_RANGE;

/// Gives a module its range; `None` if it has none.
///
/// # Safety
///
/// `std` and `memory` must be those of an image whose constructor calls this, before other code of
/// it has run.
pub(crate) unsafe fn give(std: &Std, memory: Option<&Memory>) -> Option<u64> {
    let policy = POLICY.load(Ordering::Relaxed);
    if policy == ThreadIds::Leave as u8 {
        return None;
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    if policy == ThreadIds::Move as u8 && number < MODULES {
        // SAFETY: the caller's promise.
        let moved =
            memory.and_then(|memory| unsafe { id_counter::set(std, memory, number << SHIFT) });
        if moved.is_some() {
            return moved;
        }
    }
    let before = number.checked_mul(BURNT_RANGE).filter(|it| *it < BURNT)?;
    ((std.burn_thread_ids)(before) == before).then_some(before + 1)
}
