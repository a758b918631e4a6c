//! pthread keys whose destructor is a module's: `pthread_key_create`, `pthread_key_delete`, and
//! `pthread_setspecific`.
//!
//! libc calls a key's destructor with a thread's value when the thread ends, and knows nothing of images. So it
//! gets one of a number of functions of the host's, the [`trampolines`], each with a [`Slot`] that tells which
//! function of which module to call.
//!
//! | a slot | `destructor` | `running` |
//! | --- | --- | --- |
//! | free | 0 | 0 |
//! | a key's | its address | threads that are in it |
//! | of a deleted key | 0 | threads that are in it still; free when that is 0 |
//!
//! A trampoline first counts itself in, then reads the destructor; who takes a key away clears the destructor
//! first, then reads the count. Both orders are of one total order (`SeqCst`), so one of the two sees the
//! other: no thread calls the destructor after a count of 0 was read.
//!
//! libc reads a key's destructor and then calls it, so a trampoline may start, with a value of the key, when the key is
//! deleted already. It finds 0, unless its slot has become another key's meanwhile. So slots are
//! used again in turn: not before all others were.
//!
//! libc does not tell which threads have a value of a key. So setting one is noted in the thread's record
//! (`threads.rs`), for these keys only: others cost one load. Values that are there when a key is deleted are
//! leaked.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use tls_keys::panic::discard_panic;
use tls_slots::loader::lock;

use super::next::{self, Destructor, PthreadKey};
use super::{images, threads};
use crate::alive::libc::types::{Span, ThreadInfo};

const SLOTS: usize = 256;

/// See the module.
struct Slot {
    /// Invariant: 0, or the address of a [`Destructor`].
    destructor: AtomicUsize,
    running: AtomicUsize,
}

/// By the slot's number.
static SLOT: [Slot; SLOTS] = [const {
    Slot {
        destructor: AtomicUsize::new(0),
        running: AtomicUsize::new(0),
    }
}; SLOTS];

/// A key with a module's destructor.
struct Key {
    /// `None`: deleted, and threads are in its destructor still.
    key: Option<PthreadKey>,
    destructor: Destructor,
    image: Span,
    /// `None`: there was none left, and libc has the module's own function.
    slot: Option<usize>,
}

struct Table {
    keys: Vec<Key>,
    used: [bool; SLOTS],
    /// The slot to look at first.
    next: usize,
}

/// The modules' keys. Invariant: a slot is used while a key here has it, or while one is being made. Nothing but
/// the allocator, which is no module's, is called under this lock.
static TABLE: Mutex<Table> = Mutex::new(Table {
    keys: Vec::new(),
    used: [false; SLOTS],
    next: 0,
});

fn table() -> MutexGuard<'static, Table> {
    lock(&TABLE)
}

impl Table {
    /// A free slot.
    fn take(&mut self) -> Option<usize> {
        let free = (0..SLOTS)
            .map(|at| (self.next + at) % SLOTS)
            .find(|at| !self.used[*at] && SLOT[*at].running.load(Ordering::SeqCst) == 0)?;
        self.used[free] = true;
        self.next = free + 1;
        Some(free)
    }
}

/// More keys than this the C library does not make: `PTHREAD_KEYS_MAX` of glibc's `<limits.h>`.
pub(super) const KEYS: usize = 1024;

/// One bit for each key: whether it is a module's, with a destructor. Relaxed: who has a key's number has it from
/// who made the key, after the bit was set.
pub(super) static OF_MODULES: [AtomicU64; KEYS / 64] = [const { AtomicU64::new(0) }; KEYS / 64];

fn bit(key: PthreadKey) -> Option<(&'static AtomicU64, u64)> {
    let word = OF_MODULES.get(key as usize / 64)?;
    Some((word, 1 << (key % 64)))
}

/// The image of a module's key.
fn image_of(key: PthreadKey) -> Option<Span> {
    let (word, mask) = bit(key)?;
    if word.load(Ordering::Relaxed) & mask == 0 {
        return None;
    }
    let table = table();
    let known = table.keys.iter().find(|known| known.key == Some(key))?;
    Some(known.image)
}

/// What a trampoline does.
fn call(slot: usize, value: *mut c_void) {
    let number = slot;
    let slot = &SLOT[number];
    slot.running.fetch_add(1, Ordering::SeqCst);
    let destructor = slot.destructor.load(Ordering::SeqCst);
    if destructor != 0 {
        // libc has taken the value from the thread.
        let key = {
            let table = table();
            let known = table.keys.iter().find(|key| key.slot == Some(number));
            known.and_then(|known| known.key)
        };
        if let Some(key) = key {
            threads::no_value(key);
        }
        // SAFETY: by the field's invariant.
        let destructor = unsafe { std::mem::transmute::<usize, Destructor>(destructor) };
        discard_panic(|| {
            // SAFETY: a value of the destructor's key, from libc. The module is loaded: who unloads it clears the
            // slot, and waits until nobody is in here.
            unsafe { destructor(value) }
        });
    }
    // What the module's code has done is done when this is seen.
    slot.running.fetch_sub(1, Ordering::SeqCst);
}

/// One function per slot.
mod trampolines {
    use std::ffi::c_void;

    use super::{Destructor, SLOTS};

    /// Row and column, as there is no way to count in an array's initialiser.
    unsafe extern "C-unwind" fn trampoline<const ROW: usize, const COLUMN: usize>(
        value: *mut c_void,
    ) {
        super::call(ROW * 16 + COLUMN, value);
    }

    macro_rules! row {
        ($row:literal) => {
            [
                trampoline::<$row, 0>,
                trampoline::<$row, 1>,
                trampoline::<$row, 2>,
                trampoline::<$row, 3>,
                trampoline::<$row, 4>,
                trampoline::<$row, 5>,
                trampoline::<$row, 6>,
                trampoline::<$row, 7>,
                trampoline::<$row, 8>,
                trampoline::<$row, 9>,
                trampoline::<$row, 10>,
                trampoline::<$row, 11>,
                trampoline::<$row, 12>,
                trampoline::<$row, 13>,
                trampoline::<$row, 14>,
                trampoline::<$row, 15>,
            ]
        };
    }

    const ROWS: [[Destructor; 16]; 16] = [
        row!(0),
        row!(1),
        row!(2),
        row!(3),
        row!(4),
        row!(5),
        row!(6),
        row!(7),
        row!(8),
        row!(9),
        row!(10),
        row!(11),
        row!(12),
        row!(13),
        row!(14),
        row!(15),
    ];

    /// By the slot's number.
    pub(super) fn of(slot: usize) -> Destructor {
        const { assert!(SLOTS == 16 * 16) }
        ROWS[slot / 16][slot % 16]
    }
}

/// Replaces libc's.
///
/// # Safety
///
/// As POSIX has it.
// SAFETY: has the type and does what libc's function of that name does, which is found by `next`.
#[cfg_attr(not(tls_slots_thread_sanitizer), unsafe(no_mangle))]
pub(super) unsafe extern "C" fn pthread_key_create(
    key: *mut PthreadKey,
    destructor: Option<Destructor>,
) -> c_int {
    let module = destructor.and_then(|function| Some((function, images::of(function as usize)?)));
    let Some((function, image)) = module else {
        // SAFETY: the caller's promise.
        return unsafe { next::key_create(key, destructor) };
    };
    let slot = table().take();
    if let Some(slot) = slot {
        // Before libc knows the key: then there may be values.
        SLOT[slot]
            .destructor
            .store(function as usize, Ordering::SeqCst);
    }
    let given = slot.map_or(function, trampolines::of);
    // SAFETY: the caller's promise; a trampoline takes any value.
    let error = unsafe { next::key_create(key, Some(given)) };
    if error != 0 {
        if let Some(slot) = slot {
            free(slot);
        }
        return error;
    }
    // SAFETY: libc has just written it.
    let key = unsafe { *key };
    table().keys.push(Key {
        key: Some(key),
        destructor: function,
        image,
        slot,
    });
    if let Some((word, mask)) = bit(key) {
        word.fetch_or(mask, Ordering::Relaxed);
    }
    0
}

/// Replaces libc's.
///
/// # Safety
///
/// As POSIX has it.
// SAFETY: has the type and does what libc's function of that name does, which is found by `next`.
#[cfg_attr(not(tls_slots_thread_sanitizer), unsafe(no_mangle))]
pub(super) unsafe extern "C" fn pthread_setspecific(
    key: PthreadKey,
    value: *const c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    let error = unsafe { next::set(key, value) };
    if error == 0
        && let Some(image) = image_of(key)
    {
        match value.is_null() {
            true => threads::no_value(key),
            false => threads::value(key, image),
        }
    }
    error
}

/// Notes that libc does not know a key any more, or is about to.
fn gone(key: PthreadKey) {
    if let Some((word, mask)) = bit(key) {
        word.fetch_and(!mask, Ordering::Relaxed);
    }
    threads::forget_key(key);
}

/// Frees a slot that no key of libc's leads to.
fn free(slot: usize) {
    SLOT[slot].destructor.store(0, Ordering::SeqCst);
    table().used[slot] = false;
}

/// Replaces libc's.
///
/// # Safety
///
/// As POSIX has it.
// SAFETY: has the type and does what libc's function of that name does, which is found by `next`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pthread_key_delete(key: PthreadKey) -> c_int {
    // Taken from the table first: when libc has deleted it, another may get the same number.
    let known = {
        let mut table = table();
        let at = table.keys.iter().position(|known| known.key == Some(key));
        at.map(|at| table.keys.swap_remove(at))
    };
    if known.is_some() {
        gone(key);
    }
    // SAFETY: the caller's promise.
    let error = unsafe { next::key_delete(key) };
    if let Some(slot) = known.and_then(|known| known.slot) {
        free(slot);
    }
    error
}

/// How many keys of an image there are.
pub(super) fn count(span: Span) -> usize {
    let table = table();
    let alive = |key: &&Key| key.image == span && key.key.is_some();
    table.keys.iter().filter(alive).count()
}

/// The threads that are in a destructor of an image's keys. libc does not tell which they are.
pub(super) fn running(span: Span) -> Vec<ThreadInfo> {
    let table = table();
    let slots = table.keys.iter().filter(|key| key.image == span);
    let running = slots
        .filter_map(|key| key.slot)
        .map(|slot| SLOT[slot].running.load(Ordering::SeqCst))
        .sum();
    let unknown = ThreadInfo {
        tid: None,
        name: None,
        is_current: false,
    };
    vec![unknown; running]
}

/// Whether libc has a function of the image's own.
pub(super) fn libc_has_its_function(span: Span) -> bool {
    let is_such = |key: &Key| key.image == span && key.slot.is_none();
    table().keys.iter().any(is_such)
}

/// Runs the destructors of the values that the calling thread has of an image's keys. As libc does it: a
/// destructor may set a value again, and is called again, a few times.
///
/// # Safety
///
/// As [`crate::alive::libc::run_here`].
pub(super) unsafe fn run_here(span: Span) -> usize {
    /// `PTHREAD_DESTRUCTOR_ITERATIONS` of `<limits.h>`.
    const ROUNDS: usize = 4;

    let mut ran = 0;
    for _ in 0..ROUNDS {
        let keys: Vec<_> = {
            let table = table();
            let own = table.keys.iter().filter(|key| key.image == span);
            own.filter_map(|key| Some((key.key?, key.destructor)))
                .collect()
        };
        let before = ran;
        for (key, destructor) in keys {
            // SAFETY: any number may be asked about.
            let value = unsafe { next::pthread_getspecific(key) };
            if value.is_null() {
                continue;
            }
            // SAFETY: a key of this process, as it has a value. libc does the same before it calls a destructor.
            unsafe { next::set(key, std::ptr::null()) };
            threads::no_value(key);
            discard_panic(|| {
                // SAFETY: this thread's value, which is not to be had any more, so this happens once; the
                // module is loaded, by the caller's promise.
                unsafe { destructor(value) }
            });
            ran += 1;
        }
        if ran == before {
            break;
        }
    }
    ran
}

/// Deletes an image's keys. Those that a thread is in the destructor of stay listed until the next call.
pub(super) fn forget(span: Span) {
    let keys: Vec<(PthreadKey, Option<usize>)> = {
        let mut table = table();
        let own = table.keys.iter_mut().filter(|key| key.image == span);
        own.filter_map(|key| Some((key.key.take()?, key.slot)))
            .collect()
    };
    for (key, slot) in keys {
        gone(key);
        // SAFETY: a key of this process: it was listed, and taken from the list once.
        unsafe { next::key_delete(key) };
        if let Some(slot) = slot {
            SLOT[slot].destructor.store(0, Ordering::SeqCst);
        }
    }
    drop_deleted(span, |slot| SLOT[slot].running.load(Ordering::SeqCst) == 0);
}

/// Forgets the deleted keys of an image whose code does not run any more, by the caller's promise.
pub(super) fn unregister(span: Span) {
    forget(span);
    drop_deleted(span, |_| true);
}

fn drop_deleted(span: Span, is_done: impl Fn(usize) -> bool) {
    let mut table = table();
    let Table { keys, used, .. } = &mut *table;
    keys.retain(|key| {
        let gone = key.image == span && key.key.is_none() && key.slot.is_none_or(&is_done);
        if gone && let Some(slot) = key.slot {
            used[slot] = false;
        }
        !gone
    });
}
