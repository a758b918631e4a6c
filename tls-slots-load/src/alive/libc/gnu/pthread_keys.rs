//! pthread keys whose destructor is a module's, or a library's: `pthread_key_create`,
//! `pthread_key_delete` and `pthread_setspecific`.
//!
//! # The problem
//!
//! When a thread ends, libc calls the destructor of each pthread key of which the thread has a
//! value. libc knows nothing of images. If the module of the destructor is unmapped, that is a
//! crash. And a key that nobody deletes is lost. There are 1,024.
//!
//! # The way
//!
//! For a module's key, libc gets a function of the host's: one of [`COUNT`] *trampolines*. The
//! state of a [`Trampoline`] tells which function of the module to call:
//!
//! | a trampoline | `destructor` | `running` |
//! | --- | --- | --- |
//! | is free | 0 | 0 |
//! | belongs to a key | the address | how many threads are in it |
//! | belonged to a key that is deleted | 0 | how many threads are still in it; free when that is 0 |
//!
//! A trampoline first counts itself, and then reads the destructor. Whoever takes a key away first
//! clears the destructor, and then reads the count. All four are in one total order (`SeqCst`), so
//! one of the two sees the other. No thread calls the destructor after a count of 0 was read.
//!
//! libc first reads a key's destructor, and then calls it. So a trampoline may begin, with a value
//! of the key, when the key is deleted already. It finds 0, unless another key has got the
//! trampoline meanwhile. So trampolines are used in turn: one is used again only after all others.
//!
//! libc does not tell which threads have a value of a key. So each value of a module's key is noted
//! with its thread (`threads.rs`). For all other keys that costs one load. Values that exist when a
//! key is deleted are leaked.
//!
//! A key belongs to the image of its destructor, and not to whoever calls: a library makes its key
//! when it is first called, and has it for all callers. If the image is a library that goes with a
//! module, its keys are deleted when the library is seen to be gone.
//!
//! Sources: POSIX (`pthread_key_create`), glibc 2.36 (nptl/nptl_deallocate_tsd.c,
//! nptl/pthread_setspecific.c), std (library/std/src/sys/thread_local/guard/key.rs).

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use tls_keys::panic::discard_panic;
use tls_slots::loader::lock;

use super::next::{self, Destructor, PthreadKey};
use super::{images, threads};
use crate::alive::libc::types::{Span, ThreadInfo};

/// How many trampolines there are.
const COUNT: usize = 256;

/// What one of the host's functions calls, see the top of this file.
struct Trampoline {
    /// Invariant: 0, or the address of a [`Destructor`].
    destructor: AtomicUsize,
    /// How many threads are in it.
    running: AtomicUsize,
}

/// All trampolines, by their number.
static TRAMPOLINES: [Trampoline; COUNT] = [const {
    Trampoline {
        destructor: AtomicUsize::new(0),
        running: AtomicUsize::new(0),
    }
}; COUNT];

/// A pthread key with a module's destructor.
struct ModuleKey {
    /// Invariant: no other key has or had this number.
    serial: u64,
    /// `None` if the key is deleted, and threads are still in its destructor.
    key: Option<PthreadKey>,
    destructor: Destructor,
    image: Span,
    /// `None` if there was no free trampoline. Then libc has the module's own function.
    trampoline: Option<usize>,
}

/// The modules' keys, and which trampolines are used.
struct Table {
    keys: Vec<ModuleKey>,
    /// The serial number of the next key.
    next_serial: u64,
    used: [bool; COUNT],
    /// The trampoline to look at first.
    next: usize,
}

/// Invariant: a trampoline is used while a key of this table has it, or while a key with it is
/// made.
///
/// Under this lock nothing is called but the allocator, which is no module's.
static TABLE: Mutex<Table> = Mutex::new(Table {
    keys: Vec::new(),
    next_serial: 0,
    used: [false; COUNT],
    next: 0,
});

fn table() -> MutexGuard<'static, Table> {
    lock(&TABLE)
}

impl Table {
    /// Takes a free trampoline.
    fn take(&mut self) -> Option<usize> {
        let free = (0..COUNT)
            .map(|at| (self.next + at) % COUNT)
            .find(|at| !self.used[*at] && TRAMPOLINES[*at].running.load(Ordering::SeqCst) == 0)?;
        self.used[free] = true;
        self.next = free + 1;
        Some(free)
    }
}

/// How many keys libc makes at most: `PTHREAD_KEYS_MAX` of glibc's `<limits.h>`.
pub(super) const KEYS: usize = 1024;

/// One bit for each key: whether it is a module's key with a destructor.
///
/// Relaxed: whoever has a key's number got it from whoever made the key, after the bit was set.
pub(super) static OF_MODULES: [AtomicU64; KEYS / 64] = [const { AtomicU64::new(0) }; KEYS / 64];

/// The word of [`OF_MODULES`] with the bit of a key, and that bit.
fn bit(key: PthreadKey) -> Option<(&'static AtomicU64, u64)> {
    let word = OF_MODULES.get(key as usize / 64)?;
    Some((word, 1 << (key % 64)))
}

/// The image of a key, if it is a module's.
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
fn call(number: usize, value: *mut c_void) {
    let trampoline = &TRAMPOLINES[number];
    trampoline.running.fetch_add(1, Ordering::SeqCst);
    let destructor = trampoline.destructor.load(Ordering::SeqCst);
    if destructor != 0 {
        // libc has taken the value from the thread before this call.
        let key = {
            let table = table();
            let known = table.keys.iter().find(|key| key.trampoline == Some(number));
            known.and_then(|known| known.key)
        };
        if let Some(key) = key {
            threads::note_no_value(key);
        }
        // SAFETY: it is not 0, so by the field's invariant it is the address of a `Destructor`.
        let destructor = unsafe { std::mem::transmute::<usize, Destructor>(destructor) };
        discard_panic(|| {
            // SAFETY: libc gives a value of the destructor's key. The module is loaded: whoever
            // unloads it clears the destructor, and then waits until `running` is 0.
            unsafe { destructor(value) }
        });
    }
    // Last, so that the module's code has returned when somebody reads this count.
    trampoline.running.fetch_sub(1, Ordering::SeqCst);
}

/// The functions that libc gets, one for each trampoline.
mod functions {
    use std::ffi::c_void;

    use super::{COUNT, Destructor};

    /// The function of the trampoline `ROW * 16 + COLUMN`. It has two numbers because an array's
    /// initialiser cannot count.
    ///
    /// # Safety
    ///
    /// For libc: `value` must be a value of the key that has this trampoline.
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

    /// The function of a trampoline.
    pub(super) fn of(number: usize) -> Destructor {
        const { assert!(COUNT == 16 * 16) }
        ROWS[number / 16][number % 16]
    }
}

/// Replaces libc's function.
///
/// # Safety
///
/// As POSIX has it.
// SAFETY: it has the type of libc's function of that name, and does the same by means of `next`.
#[cfg_attr(not(tls_slots_thread_sanitizer), unsafe(no_mangle))]
pub(super) unsafe extern "C" fn pthread_key_create(
    key: *mut PthreadKey,
    destructor: Option<Destructor>,
) -> c_int {
    let module =
        destructor.and_then(|function| Some((function, images::of_transient(function as usize)?)));
    let Some((function, image)) = module else {
        // SAFETY: the caller promises what libc's function asks for.
        return unsafe { next::key_create(key, destructor) };
    };
    let trampoline = table().take();
    if let Some(trampoline) = trampoline {
        // Before libc knows the key, because there may be values from then on.
        TRAMPOLINES[trampoline]
            .destructor
            .store(function as usize, Ordering::SeqCst);
    }
    let given = trampoline.map_or(function, functions::of);
    // SAFETY: the caller promises it for `key` and for the module's own function. A trampoline
    // takes any value of the key.
    let error = unsafe { next::key_create(key, Some(given)) };
    if error != 0 {
        if let Some(trampoline) = trampoline {
            free(trampoline);
        }
        return error;
    }
    // SAFETY: the caller promises that `key` may be written to, and libc has just written to it.
    let key = unsafe { *key };
    {
        let mut table = table();
        let serial = table.next_serial;
        table.next_serial += 1;
        table.keys.push(ModuleKey {
            serial,
            key: Some(key),
            destructor: function,
            image,
            trampoline,
        });
    }
    if let Some((word, mask)) = bit(key) {
        word.fetch_or(mask, Ordering::Relaxed);
    }
    0
}

/// Replaces libc's function.
///
/// # Safety
///
/// As POSIX has it.
// SAFETY: it has the type of libc's function of that name, and does the same by means of `next`.
#[cfg_attr(not(tls_slots_thread_sanitizer), unsafe(no_mangle))]
pub(super) unsafe extern "C" fn pthread_setspecific(
    key: PthreadKey,
    value: *const c_void,
) -> c_int {
    // SAFETY: the caller promises what libc's function asks for.
    let error = unsafe { next::set(key, value) };
    if error == 0
        && let Some(image) = image_of(key)
    {
        match value.is_null() {
            true => threads::note_no_value(key),
            false => threads::note_value(key, image),
        }
    }
    error
}

/// Takes note that libc deletes a key.
fn note_deleted(key: PthreadKey) {
    if let Some((word, mask)) = bit(key) {
        word.fetch_and(!mask, Ordering::Relaxed);
    }
    threads::forget_key(key);
}

/// Frees a trampoline that libc has for no key.
fn free(number: usize) {
    TRAMPOLINES[number].destructor.store(0, Ordering::SeqCst);
    table().used[number] = false;
}

/// Replaces libc's function.
///
/// # Safety
///
/// As POSIX has it.
// SAFETY: it has the type of libc's function of that name, and does the same by means of `next`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pthread_key_delete(key: PthreadKey) -> c_int {
    // Taken from the table first. When libc has deleted the key, another key may get the same
    // number.
    let known = {
        let mut table = table();
        let at = table.keys.iter().position(|known| known.key == Some(key));
        at.map(|at| table.keys.swap_remove(at))
    };
    if known.is_some() {
        note_deleted(key);
    }
    // SAFETY: the caller promises what libc's function asks for.
    let error = unsafe { next::key_delete(key) };
    if let Some(trampoline) = known.and_then(|known| known.trampoline) {
        free(trampoline);
    }
    error
}

/// How many keys an image has.
pub(super) fn count(span: Span) -> usize {
    let table = table();
    let alive = |key: &&ModuleKey| key.image == span && key.key.is_some();
    table.keys.iter().filter(alive).count()
}

/// The threads that are in a destructor of an image's keys. It is not known which threads they are.
pub(super) fn running(span: Span) -> Vec<ThreadInfo> {
    let table = table();
    let of_image = table.keys.iter().filter(|key| key.image == span);
    let running = of_image
        .filter_map(|key| key.trampoline)
        .map(|trampoline| TRAMPOLINES[trampoline].running.load(Ordering::SeqCst))
        .sum();
    let unknown = ThreadInfo {
        tid: None,
        name: None,
        is_current: false,
    };
    vec![unknown; running]
}

/// Whether libc has a function of the image's own, because there was no free trampoline.
pub(super) fn libc_has_its_function(span: Span) -> bool {
    let is_such = |key: &ModuleKey| key.image == span && key.trampoline.is_none();
    table().keys.iter().any(is_such)
}

/// Runs the destructors of the values that the calling thread has of an image's keys. Gives how
/// many ran.
///
/// As in libc, a destructor may set a value again. Then it is called again, a few times.
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
            // SAFETY: for a number that is no key, glibc gives null.
            let value = unsafe { next::pthread_getspecific(key) };
            if value.is_null() {
                continue;
            }
            // SAFETY: the thread has a value of this key, so the key exists, and null is a value
            // for any key. libc does the same before it calls a destructor.
            unsafe { next::set(key, std::ptr::null()) };
            threads::note_no_value(key);
            discard_panic(|| {
                // SAFETY: this is the thread's value of the destructor's key. It was taken from the
                // thread, so this happens once. The caller promises that the module is loaded.
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

/// Deletes an image's keys. A key stays listed while a thread is in its destructor, until the next
/// call.
pub(super) fn forget(span: Span) {
    delete(|key| key.image == span);
    drop_deleted(span, |trampoline| {
        TRAMPOLINES[trampoline].running.load(Ordering::SeqCst) == 0
    });
}

/// Deletes the keys that are wanted. They stay listed.
fn delete(is_wanted: impl Fn(&ModuleKey) -> bool) {
    let keys: Vec<(PthreadKey, Option<usize>)> = {
        let mut table = table();
        let wanted = table.keys.iter_mut().filter(|key| is_wanted(key));
        wanted
            .filter_map(|key| Some((key.key.take()?, key.trampoline)))
            .collect()
    };
    for (key, trampoline) in keys {
        note_deleted(key);
        // SAFETY: the key exists: it was listed, and whoever deletes a key takes it from the list
        // first.
        unsafe { next::key_delete(key) };
        if let Some(trampoline) = trampoline {
            TRAMPOLINES[trampoline]
                .destructor
                .store(0, Ordering::SeqCst);
        }
    }
}

/// The serial numbers of the keys of an image.
pub(super) fn serials(span: Span) -> Vec<u64> {
    let table = table();
    let own = table.keys.iter().filter(|key| key.image == span);
    own.map(|key| key.serial).collect()
}

/// Deletes the keys with these serial numbers, which were those of a library. The caller promises
/// that the library is unmapped. Another image may lie at its place now.
pub(super) fn forget_gone(span: Span, serials: &[u64]) {
    delete(|key| serials.contains(&key.serial));
    drop_deleted(span, |_| true);
}

/// Deletes the keys of an image, and forgets all of them. The caller promises that no code of the
/// image runs any more.
pub(super) fn unregister(span: Span) {
    forget(span);
    drop_deleted(span, |_| true);
}

/// Forgets the deleted keys of an image whose trampoline is done.
fn drop_deleted(span: Span, is_done: impl Fn(usize) -> bool) {
    let mut table = table();
    let Table { keys, used, .. } = &mut *table;
    keys.retain(|key| {
        let is_gone = key.image == span && key.key.is_none() && key.trampoline.is_none_or(&is_done);
        if is_gone && let Some(trampoline) = key.trampoline {
            used[trampoline] = false;
        }
        !is_gone
    });
}
