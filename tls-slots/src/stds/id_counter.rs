//! The counter of thread ids of a module's std: how it is found, and why it may be set.
//!
//! std keeps the counter in a `static COUNTER: AtomicU64` (library/std/src/thread/id.rs, std 1.95)
//! and has no function that sets it. The code here depends on that, and checks it each time:
//!
//! - *Which word it is.* A thread that asks for its id for the first time moves the counter by one.
//!   The way of asking that is used here changes no other word for good (`tls-keys`'
//!   `image_std.rs`). So threads are started: one, then two, then one. A word of the module's
//!   writable memory is the counter if it has followed each step. If exactly one word has, it is
//!   the counter. Otherwise nothing is written, and the ids are used up instead.
//! - *Reading.* The module's other code has not run. So no thread uses the module's statics but the
//!   ones started here, and they have ended. The reads are of aligned words of mapped memory.
//!   `asm!` does them, so they are no accesses that the language knows of.
//! - *Writing.* One compare-exchange of an `AtomicU64` replaces the value that was seen by the new
//!   one. std changes the counter only by a compare-exchange in a loop. So whatever std has read
//!   before, its next id is the word's new value plus one. Every value is valid but the last, which
//!   means "exhausted".
//! - *Afterwards.* One more thread asks for its id, and the word must be one more. If it has not
//!   moved, the old value is put back, and the ids are used up instead.
//!
//! A std that counts in another way, in batches or in two words, is not mistaken for this one.
//!
//! Threads are started by `pthread_create`, not by std: std's threads register destructors, which
//! waits for the loader's lock, which is held while constructors run. glibc before 2.34 also takes
//! that lock when a thread first uses a thread-local of a module.

use std::arch::asm;
use std::ffi::{CStr, c_char, c_int, c_long, c_ulong, c_void};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::image::memory::Memory;
use crate::keys::abi::Std;

/// No more than this is looked through: a module with so much data has burnt ids.
const MOST: usize = 64 << 20;

/// Ids that may have been drawn before: by nothing at all, but it costs nothing to be open.
const FEW: u64 = 1 << 16;

/// The steps that a word must follow, after the first.
const STEPS: [u64; 3] = [1, 2, 1];

/// Makes the counter go on from `value`; gives the next id.
///
/// # Safety
///
/// As [`thread_ids::give`](super::thread_ids::give).
pub(super) unsafe fn set(std: &Std, memory: &Memory, value: u64) -> Option<u64> {
    if !threads_may_start() {
        return None;
    }
    // SAFETY: the caller's promise.
    let (address, old) = unsafe { find(std, memory) }?;
    let counter = std::ptr::with_exposed_provenance_mut::<u64>(address);
    // SAFETY: an aligned word of writable memory of a loaded image, which is an `AtomicU64` there,
    // as the file's head argues.
    let counter = unsafe { AtomicU64::from_ptr(counter) };
    counter
        .compare_exchange(old, value, Ordering::Relaxed, Ordering::Relaxed)
        .ok()?;
    if draw(std, 1).is_some() && counter.load(Ordering::Relaxed) == value + 1 {
        return Some(value + 2);
    }
    // Not the counter, then, and nobody's who has used it since.
    let _ = counter.compare_exchange(value, old, Ordering::Relaxed, Ordering::Relaxed);
    None
}

/// The address of the one word that follows, and its value.
///
/// # Safety
///
/// As [`thread_ids::give`](super::thread_ids::give).
unsafe fn find(std: &Std, memory: &Memory) -> Option<(usize, u64)> {
    if memory
        .writable
        .iter()
        .map(ExactSizeIterator::len)
        .sum::<usize>()
        > MOST
    {
        return None;
    }
    draw(std, 1)?;
    let mut words = Vec::new();
    for range in &memory.writable {
        let size = size_of::<u64>();
        let first = range.start.next_multiple_of(size);
        for address in (first..range.end.saturating_sub(size - 1)).step_by(size) {
            // SAFETY: an aligned word of the image's memory.
            let value = unsafe { word(address) };
            if (1..FEW).contains(&value) {
                words.push((address, value));
            }
        }
    }
    for step in STEPS {
        draw(std, step)?;
        words.retain_mut(|(address, value)| {
            *value += step;
            // SAFETY: an aligned word of writable memory of the image, which is loaded.
            unsafe { word(*address) == *value }
        });
    }
    match words[..] {
        [one] => Some(one),
        _ => None,
    }
}

/// Reads a word of another image.
///
/// # Safety
///
/// The address must be a multiple of 8, and readable.
unsafe fn word(address: usize) -> u64 {
    let value: u64;
    // SAFETY: an aligned load of readable memory; nothing else is touched.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "mov {value}, qword ptr [{address}]",
            value = out(reg) value,
            address = in(reg) address,
            options(readonly, nostack, preserves_flags),
        );
    }
    // SAFETY: reads one word, which the caller vouches for; nothing else is touched.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "ldr {value}, [{address}]",
            value = out(reg) value,
            address = in(reg) address,
            options(readonly, nostack, preserves_flags),
        );
    }
    value
}

/// `struct timespec` of 64-bit Linux.
#[repr(C)]
struct Time {
    seconds: i64,
    nanoseconds: c_long,
}

unsafe extern "C" {
    fn gnu_get_libc_version() -> *const c_char;
    fn pthread_create(
        thread: *mut c_ulong,
        attributes: *const c_void,
        main: extern "C" fn(*mut c_void) -> *mut c_void,
        argument: *mut c_void,
    ) -> c_int;
    fn pthread_timedjoin_np(thread: c_ulong, result: *mut *mut c_void, until: *const Time)
    -> c_int;
    fn pthread_detach(thread: c_ulong) -> c_int;
}

/// Whether a thread can start, use a module's thread-locals, and end, while that module's
/// constructors run.
fn threads_may_start() -> bool {
    // SAFETY: gives a C string that is there for good.
    let version = unsafe { CStr::from_ptr(gnu_get_libc_version()) };
    let mut numbers = version.to_str().unwrap_or("").split('.').map(str::parse);
    matches!(
        (numbers.next(), numbers.next()),
        (Some(Ok(2_u32)), Some(Ok(34_u32..))) | (Some(Ok(3..)), _)
    )
}

/// Has that many new threads draw an id, one after the other. `None` if one cannot be started, or
/// does not end.
fn draw(std: &Std, count: u64) -> Option<()> {
    extern "C" fn main(draw: *mut c_void) -> *mut c_void {
        // SAFETY: `draw_thread_id` of a `Std`, as given to `pthread_create` below.
        let draw = unsafe { std::mem::transmute::<*mut c_void, extern "C" fn()>(draw) };
        draw();
        std::ptr::null_mut()
    }

    for _ in 0..count {
        let mut thread = 0;
        let argument = std.draw_thread_id as *mut c_void;
        // SAFETY: `thread` is writable; `main` is in the executable; the module's function is
        // there until its image is unloaded, which is not while its constructors run.
        if unsafe { pthread_create(&mut thread, std::ptr::null(), main, argument) } != 0 {
            return None;
        }
        // It takes microseconds. The limit is for a system on which it waits for the loader.
        let until = SystemTime::now() + Duration::from_secs(5);
        let until = until.duration_since(UNIX_EPOCH).unwrap_or_default();
        let until = Time {
            seconds: until.as_secs().try_into().unwrap_or(i64::MAX),
            nanoseconds: until.subsec_nanos().into(),
        };
        // SAFETY: joined once, by the one that has started it.
        if unsafe { pthread_timedjoin_np(thread, std::ptr::null_mut(), &until) } != 0 {
            // SAFETY: it was not joined.
            unsafe { pthread_detach(thread) };
            return None;
        }
    }
    Some(())
}
