//! What of an image is in use: the counts that unloading it depends on.
//!
//! The problem: when the code of a module is unmapped, nothing may be left that would run it. A task, for
//! one, is known to the runtime by functions of the image that spawned it. So each image counts what it has
//! begun and what has ended, and the host (`tls-slots`, `usage.rs`) unmaps a module when the two are equal.
//!
//! # How counting costs next to nothing
//!
//! Each thread has a block of [`Counters`] in the host's memory, with a line for each image, and is the
//! only one to write to it. So counting is an addition without a bus lock: load the block's address, which
//! is a thread-local key as any other, add the image's place, add one. The host adds up the threads'
//! blocks when it wants to know.
//!
//! What has begun and what has ended are counted apart, and a thing may end on another thread than it began
//! on. The host first reads all that has ended, then all that has begun. Both only grow, so if the sums are
//! equal, there was a moment between the two readings when nothing was alive.
//!
//! | who | counts |
//! | --- | --- |
//! | the forked tokio | tasks and blocking calls, from the allocation of their cell to its deallocation |
//! | the forked crossbeam-epoch | deferred functions, from `defer` until they have run |
//! | the host's loader | calls of entries, until their future is dropped |
//! | whoever keeps code of an image elsewhere | a [`Hold`] |

use core::fmt;
use core::ops::Range;

use alloc::boxed::Box;

use crate::abi::{self, Key, Text};
use crate::arch;
use crate::sync::{AtomicU32, AtomicUsize, Ordering};

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
    /// A function that runs when no thread can need any more what it frees: `crossbeam-epoch`'s.
    Deferred = 3,
}

impl Counted {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Task, Self::Blocking, Self::Call, Self::Deferred];
}

/// How many lines a block has. The last one is for all images that found no line of their own; they
/// are unloaded when none of them has anything alive.
pub const LINES: usize = 128;

/// Counters of one image and one thread.
#[repr(C)]
#[derive(Debug)]
struct Line {
    begun: [AtomicU32; 4],
    ended: [AtomicU32; 4],
}

impl Line {
    const fn new() -> Self {
        Self {
            begun: [const { AtomicU32::new(0) }; 4],
            ended: [const { AtomicU32::new(0) }; 4],
        }
    }
}

/// One thread's counters: a line for each image. Only its thread writes to it.
///
/// The counters wrap. Differences are right as long as fewer than 2³² things are alive.
#[repr(C)]
#[derive(Debug)]
pub struct Counters([Line; LINES]);

impl Counters {
    /// All zero.
    pub const fn new() -> Self {
        Self([const { Line::new() }; LINES])
    }

    /// How many have begun. To be read after [`ended`](Self::ended) of all threads.
    pub fn begun(&self, line: usize, what: Counted) -> u32 {
        self.0[line].begun[what as usize].load(Ordering::Acquire)
    }

    /// How many have ended.
    pub fn ended(&self, line: usize, what: Counted) -> u32 {
        self.0[line].ended[what as usize].load(Ordering::Acquire)
    }

    /// Adds one, on any thread.
    pub fn count(&self, line: usize, what: Counted, ended: bool) {
        let line = &self.0[line];
        let counters = if ended { &line.ended } else { &line.begun };
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

/// Adds one to a counter of the calling thread.
#[inline(always)]
fn add(counter: &AtomicU32) {
    // Not `fetch_add`: there is no other writer. Release, so that who reads the sum sees all that
    // happened before.
    let count = counter.load(Ordering::Relaxed);
    counter.store(count.wrapping_add(1), Ordering::Release);
}

/// Offset of this image's line in a block.
///
/// Invariant: a multiple of a line's size and less than a block's. Written by the host's registry, before other
/// code of the image runs and after all of it; zero, the host's own line, before that.
static PLACE: AtomicUsize = AtomicUsize::new(0);

crate::__key_record!(ThreadLocal COUNTERS [Counters]);
crate::__in_keys_section! {
    /// The calling thread's block. The host links this crate, so the key is shared.
    static COUNTERS: Key = Key::thread_local::<Counters>(crate::__declared!(COUNTERS [Counters]), init_at);
}

unsafe extern "C-unwind" fn init_at(storage: *mut u8) {
    // SAFETY: `Key::init` promises valid storage of this type's size and alignment.
    unsafe { storage.cast::<Counters>().write(Counters::new()) }
}

/// The key of the threads' blocks, for the host.
#[doc(hidden)]
pub fn key() -> &'static Key {
    &COUNTERS
}

/// Where this image's place is kept, for the host.
#[doc(hidden)]
pub(crate) fn place() -> *const AtomicUsize {
    &raw const PLACE
}

/// The calling thread's line at an offset; `None` when the thread has ended.
///
/// # Safety
///
/// `place` must be as [`PLACE`] is.
#[inline(always)]
unsafe fn line<'a>(place: usize) -> Option<&'a Line> {
    // SAFETY: `Key::slot` is inside the table by its invariant.
    let mut block = unsafe { arch::value(COUNTERS.slot()) };
    if block.is_null() {
        block = cold();
        if block.is_null() {
            return None;
        }
    }
    // SAFETY: a live `Counters` of this thread, and a line of it by the caller's promise.
    Some(unsafe { &*block.add(place).cast::<Line>() })
}

#[cold]
#[inline(never)]
fn cold() -> *mut u8 {
    // SAFETY: the key of this very type.
    let block = unsafe { crate::local::cold::<Counters>(&COUNTERS, None, Counters::new) };
    block.cast_mut().cast()
}

/// Something of this image has begun.
#[inline(always)]
pub fn begin(what: Counted) {
    // SAFETY: the static's invariant.
    unsafe { begin_at(PLACE.load(Ordering::Relaxed), what) }
}

/// Something of this image has ended. Its code may still be running.
#[inline(always)]
pub fn end(what: Counted) {
    // SAFETY: the static's invariant.
    unsafe { end_at(PLACE.load(Ordering::Relaxed), what) }
}

/// [`begin`] on behalf of the image with that place.
///
/// # Safety
///
/// The place must be one that the registry has given out.
#[doc(hidden)]
#[inline(always)]
pub unsafe fn begin_at(place: usize, what: Counted) {
    // SAFETY: the caller's promise.
    match unsafe { line(place) } {
        Some(line) => add(&line.begun[what as usize]),
        // SAFETY: as above.
        None => unsafe { abi::count(place, what, false) },
    }
}

/// [`end`] on behalf of the image with that place.
///
/// # Safety
///
/// As [`begin_at`].
#[doc(hidden)]
#[inline(always)]
pub unsafe fn end_at(place: usize, what: Counted) {
    // SAFETY: the caller's promise.
    match unsafe { line(place) } {
        Some(line) => add(&line.ended[what as usize]),
        // SAFETY: as above.
        None => unsafe { abi::count(place, what, true) },
    }
}

/// The size of an image's part of a block, for the host.
#[doc(hidden)]
pub const LINE_SIZE: usize = size_of::<Line>();

/// Keeps the image whose code made it from being unloaded.
///
/// For code of this image that others keep where the host cannot count it: a closure in a registry, a
/// trait object in a static. Whoever stores it keeps the token beside it. `Module::usage()` of `tls-slots`
/// lists it by its name.
///
/// Made and dropped under a lock of the host's: not for hot paths.
///
/// # Examples
///
/// ```
/// # use tls_slots as _;
/// use tls_keys::usage::Hold;
///
/// struct Callback {
///     function: Box<dyn Fn() + Send>,
///     // After the function, so that it is dropped last.
///     _hold: Hold,
/// }
///
/// let callback = Callback {
///     function: Box::new(|| ()),
///     _hold: Hold::new("callback of the metrics registry"),
/// };
/// (callback.function)();
/// ```
#[must_use = "dropping it ends the hold"]
pub struct Hold {
    image: *const Key,
    name: Text,
}

// SAFETY: an identity and a `'static` text; the host's functions may be called from any thread.
unsafe impl Send for Hold {}
// SAFETY: as above.
unsafe impl Sync for Hold {}

impl Hold {
    /// Holds the image that this is called from. The name says what it is, in the singular.
    pub fn new(name: &'static str) -> Self {
        let hold = Self {
            image: crate::object::id(),
            name: Text::new(name),
        };
        // SAFETY: this image's own id and text.
        unsafe { abi::hold(hold.image, hold.name, true) }
        hold
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // SAFETY: as in `new`; the image is loaded, as this very token holds it.
        unsafe { abi::hold(self.image, self.name, false) }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the image is loaded, as this very token holds it.
        let name = unsafe { self.name.as_str() };
        f.debug_tuple("Hold").field(&name).finish()
    }
}

crate::process_local! {
    /// How many modules wait for threads to give up what they have of them, see [`idle`].
    static PENDING: AtomicUsize = AtomicUsize::new(0);
}

/// The host's counter behind [`idle`], for the host.
#[doc(hidden)]
pub fn pending() -> &'static AtomicUsize {
    &PENDING
}

/// Whether a module waits for this thread to call [`idle`], or to end.
#[inline(always)]
pub fn is_pending() -> bool {
    PENDING.load(Ordering::Relaxed) != 0
}

/// A thread of a runtime has nothing to do: the moment to drop what it keeps of modules that are
/// being unloaded.
///
/// To be called where any code may run: without a lock, and not from a destructor of a thread-local.
#[inline(always)]
pub fn idle() {
    if is_pending() {
        // SAFETY: called from ordinary code, as this function's documentation asks for.
        unsafe { abi::idle() }
    }
}

/// A runtime, as unloading sees it.
pub trait Runtime: Send + Sync {
    /// Makes each of its threads that sleeps call [`idle`], and those of its blocking pool end.
    fn wake(&self);

    /// Whether it is still there.
    fn is_alive(&self) -> bool;

    /// Aborts the tasks whose functions lie in this range of addresses, and says how many it has found.
    fn abort(&self, image: Range<usize>) -> usize;
}

/// Makes a runtime known to the host. For a host's copy of a crate only: the runtime is never forgotten
/// while it is alive.
pub fn add_runtime(runtime: Box<dyn Runtime>) {
    // SAFETY: a box, given away.
    unsafe { abi::add_runtime(Box::into_raw(runtime)) }
}
