//! A range of thread ids for each module.
//!
//! # The problem
//!
//! [`std::thread::ThreadId`] is a number that std counts up, from 1, and each image has a std of its own. So
//! two threads that two images have named may have the same id. Safe code relies on ids being
//! different: crossbeam-channel does not wake a thread that has the waker's own id, and send_wrapper
//! gives a value back to whoever has the id that put it in.
//!
//! # What is done
//!
//! The host's own ids start at 1. Module number *n* of the process gets those above *n* · 2⁴⁰, while its
//! constructors run, before any other code of it. Ranges are never used again. There are two ways:
//!
//! | [`ThreadIds`] | how | costs | limits |
//! | --- | --- | --- | --- |
//! | `Move` | the module's counter is found, and set | six short threads per load, whatever *n* is | x86-64 and aarch64 with glibc ≥ 2.34; else as `Burn` |
//! | `Burn` | ids are used up by spawns that fail | 0.5 µs per id, so *n* · 2 ms | 4,096 ids per image, 15 modules |
//! | `Leave` | nothing | nothing | ids collide |
//!
//! # Why the counter may be set
//!
//! std keeps it in a `static COUNTER: AtomicU64` (library/std/src/thread/id.rs), and has no function
//! that sets it. What follows depends on that, and checks it, each time:
//!
//! - *Which word it is.* A thread that asks for its id for the first time moves the counter by one,
//!   and the asking that is used here (see `tls-keys`' `image_std.rs`) changes no other word for
//!   good. So threads are started, one, two and one at a time, and a word of the module's writable
//!   memory is the counter if it has followed each step exactly. If not exactly one word has, nothing
//!   is written and the other way is taken.
//! - *Reading.* The module's other code has not run, so no thread but these, which have ended, uses
//!   its statics. The reads are of aligned words of mapped memory, and are done by `asm!`: they are no
//!   accesses that the language knows of.
//! - *Writing.* One compare-exchange of an `AtomicU64`, from the value that was seen to the new one. std
//!   only ever changes the counter by a compare-exchange in a loop, so whatever it had read before, the
//!   next id is the word's new value plus one. No value of it is invalid but the last, which is
//!   "exhausted".
//! - *Afterwards.* One more thread asks for its id, and the word must be one more. If it has not moved,
//!   the old value is put back and the other way is taken.
//!
//! A std that counts in another way, in batches or in two words, is so recognised as not being this one.
//!
//! Threads are started by `pthread_create`, not by std: std's threads register destructors, which
//! waits for the loader's lock, which is held while constructors run. glibc before 2.34 takes that
//! lock also when a thread first uses a thread-local of a module.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::image_memory::Memory;
use crate::keys::abi::Std;

/// How modules get thread ids that are not the host's or another module's; see [`thread_ids`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadIds {
    /// The counter of the module's std is found in its memory and set, so that the module has 2⁴⁰ ids of
    /// its own. Where that is not possible, as [`Burn`](Self::Burn).
    Move = 0,
    /// By safe code only: the ids of images loaded before are used up, by spawns that fail. An image
    /// has 4,096 ids, the host included, and collides with the next one beyond; the sixteenth module
    /// and later ones are left alone. May keep `dlclose` from unmapping the module until the loading
    /// thread ends.
    Burn = 1,
    /// Modules count from 1, as does the host: a [`ThreadId`](std::thread::ThreadId) says nothing
    /// outside of its image.
    Leave = 2,
}

static POLICY: AtomicU8 = AtomicU8::new(ThreadIds::Move as u8);

/// Chooses how modules that are loaded from now on get their thread ids. [`ThreadIds::Move`] if this is
/// never called.
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
/// `std` and `memory` must be those of an image whose constructor calls this, before other code of it
/// has run.
pub(crate) unsafe fn give(std: &Std, memory: Option<&Memory>) -> Option<u64> {
    let policy = POLICY.load(Ordering::Relaxed);
    if policy == ThreadIds::Leave as u8 {
        return None;
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    if policy == ThreadIds::Move as u8 && number < MODULES {
        // SAFETY: the caller's promise.
        let moved = memory.and_then(|memory| unsafe { counter::set(std, memory, number << SHIFT) });
        if moved.is_some() {
            return moved;
        }
    }
    let before = number.checked_mul(BURNT_RANGE).filter(|it| *it < BURNT)?;
    ((std.burn_thread_ids)(before) == before).then_some(before + 1)
}

/// Finding and setting the counter.
#[cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_pointer_width = "64",
    target_endian = "little",
    target_os = "linux",
    target_env = "gnu",
    not(miri)
))]
mod counter {
    use std::arch::asm;
    use std::ffi::{CStr, c_char, c_int, c_long, c_ulong, c_void};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use crate::image_memory::Memory;
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
    /// As [`super::give`].
    pub(super) unsafe fn set(std: &Std, memory: &Memory, value: u64) -> Option<u64> {
        if !threads_may_start() {
            return None;
        }
        // SAFETY: the caller's promise.
        let (address, old) = unsafe { find(std, memory) }?;
        let counter = std::ptr::with_exposed_provenance_mut::<u64>(address);
        // SAFETY: an aligned word of writable memory of a loaded image, which is an `AtomicU64` there,
        // as the module's documentation argues.
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
    /// As [`super::give`].
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
                // SAFETY: as above.
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
        // SAFETY: as above.
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
        fn pthread_timedjoin_np(
            thread: c_ulong,
            result: *mut *mut c_void,
            until: *const Time,
        ) -> c_int;
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
}

/// Not on this target.
#[cfg(not(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_pointer_width = "64",
    target_endian = "little",
    target_os = "linux",
    target_env = "gnu",
    not(miri)
)))]
mod counter {
    use crate::image_memory::Memory;
    use crate::keys::abi::Std;

    /// # Safety
    ///
    /// None.
    pub(super) unsafe fn set(_: &Std, _: &Memory, _: u64) -> Option<u64> {
        None
    }
}
