//! Memory: the functions that modules allocate by, and whether a module's allocator fits the host's.
//!
//! The problem: host and module free each other's memory, inside the values that they share, and each
//! image has an allocator of its own choice. Nothing in an image tells which: `#[global_allocator]` leaves
//! no mark that survives a strip, and a wrapper may stand around it. So it is tried, when the
//! image presents itself and before any of its keys is resolved, by its own two functions
//! ([`Image::alloc`]):
//!
//! 1. *Does it forward?* A block of an unusual alignment is asked for. If that arrives at
//!    [`tls_slots_alloc_v1`], on this thread and with the very pointer that the image then returns, its allocator is
//!    the host's, whatever that is.
//! 2. *Is it the system's?* Allocators give out soon what they were given back. Three blocks are taken
//!    from [`System`] and the middle one is given back: an allocator that now returns that very block, and
//!    whose block `System` returns after it was given back in turn, is `System`, or hands its pointers through.
//!    The neighbours stay allocated, so the block's page stays `System`'s meanwhile. Where freed blocks
//!    are not reused at once (mimalloc and musl keep them for later), many are taken and given
//!    back, and most of them must return.
//!
//! The host's own allocator is tried once by the same two functions. Only *forwards* with anything, and
//! *the system's* with *the system's*, fit. Two images with one copy each of mimalloc do not: each
//! copy has its own heaps.
//!
//! What was considered instead: a large allocation that shows in glibc's `mallinfo2` races with
//! other threads, and is blind where `malloc` is not glibc's (jemalloc or a sanitizer in its
//! place); asking `malloc_usable_size` about a foreign block is undefined.
//!
//! Limits. An allocator that passes pointers of `System` through but insists on books of its own is
//! not told from `System`. One that never reuses what was freed (valgrind's memcheck, hardened
//! replacements of `malloc`) is not recognised as `System`: modules then need the line that
//! the refusal names. AddressSanitizer, which is such a one, is asked.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::OnceLock;

use crate::keys::abi::{Image, Key};
use crate::keys::host;

/// From this alignment on, [`tls_slots_alloc_v1`] notes that it was called: so rare that an
/// ordinary allocation pays one comparison.
const NOTED_ALIGN: usize = 128;

thread_local! {
    /// The last block of [`NOTED_ALIGN`] or more that a module was given on this thread.
    static NOTED: Cell<usize> = const { Cell::new(0) };
}

#[cold]
#[inline(never)]
fn note(block: *mut u8) {
    // A thread that is past its thread-locals is not one that loads modules.
    let _ = NOTED.try_with(|noted| noted.set(block.addr()));
}

/// Whether a call comes from the host's own image.
#[inline(always)]
fn is_own(image: *const Key) -> bool {
    std::ptr::eq(image, host::id())
}

// The exported functions. Where the host's own allocator is `HostAllocator` (a module's unit tests), the
// calls of modules go through it, too, and come here a second time, as the host's own.

/// # Safety
///
/// As [`GlobalAlloc::alloc`]; size and alignment must be a layout, `image` the id of the caller's image.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_alloc_v1(image: *const Key, size: usize, align: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let layout = Layout::from_size_align_unchecked(size, align);
        if is_own(image) {
            return System.alloc(layout);
        }
        let block = std::alloc::alloc(layout);
        if align >= NOTED_ALIGN {
            note(block);
        }
        block
    }
}

/// # Safety
///
/// As [`GlobalAlloc::dealloc`], otherwise as [`tls_slots_alloc_v1`].
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_dealloc_v1(
    image: *const Key,
    block: *mut u8,
    size: usize,
    align: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let layout = Layout::from_size_align_unchecked(size, align);
        if is_own(image) {
            System.dealloc(block, layout);
        } else {
            std::alloc::dealloc(block, layout);
        }
    }
}

/// # Safety
///
/// As [`tls_slots_alloc_v1`].
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_alloc_zeroed_v1(
    image: *const Key,
    size: usize,
    align: usize,
) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let layout = Layout::from_size_align_unchecked(size, align);
        if is_own(image) {
            System.alloc_zeroed(layout)
        } else {
            std::alloc::alloc_zeroed(layout)
        }
    }
}

/// # Safety
///
/// As [`GlobalAlloc::realloc`], otherwise as [`tls_slots_alloc_v1`].
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_realloc_v1(
    image: *const Key,
    block: *mut u8,
    size: usize,
    align: usize,
    new_size: usize,
) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let layout = Layout::from_size_align_unchecked(size, align);
        if is_own(image) {
            System.realloc(block, layout, new_size)
        } else {
            std::alloc::realloc(block, layout, new_size)
        }
    }
}

/// What an image's allocator turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// It is the host's, by [`tls_slots_alloc_v1`].
    Forwards,
    /// [`System`], or one that hands its pointers through.
    System,
    /// Neither, as far as it shows.
    Other,
}

/// Whether the module's allocator and the host's may free each other's memory.
///
/// Runs the image's allocator, so no lock is held; to be called on the thread that loads it.
///
/// # Safety
///
/// The image must be loaded and its two functions be those of its allocator.
pub(crate) unsafe fn fit(module: &Image) -> Result<(), String> {
    static HOST: OnceLock<Found> = OnceLock::new();
    // SAFETY: the caller's promise.
    let module = unsafe { find(module) };
    if module == Found::Forwards {
        return Ok(());
    }
    // SAFETY: the host is this image.
    let host = *HOST.get_or_init(|| unsafe { find(&host::image()) });
    if (host, module) == (Found::System, Found::System) {
        return Ok(());
    }
    let name = |found| match found {
        Found::System => "the system's allocator",
        _ => "a `#[global_allocator]` of its own",
    };
    Err(format!(
        "the host allocates from {} and the module from {}, and neither can free the other's \
         memory; put `tokio::host_allocator!();` (or `tls_keys::host_allocator!();`) at the root \
         of the module's crate{}",
        name(host),
        name(module),
        if module == Found::Other {
            " in place of its `#[global_allocator]`"
        } else {
            ""
        }
    ))
}

/// # Safety
///
/// As [`fit`].
unsafe fn find(image: &Image) -> Found {
    // SAFETY: the caller's promise, three times.
    unsafe {
        if forwards(image) {
            Found::Forwards
        } else if SIZES.iter().all(|&size| swaps_with_system(image, size))
            || sanitizer::owns(image)
            || SIZES.iter().all(|&size| mixes_with_system(image, size))
        {
            Found::System
        } else {
            Found::Other
        }
    }
}

/// # Safety
///
/// As [`fit`].
unsafe fn forwards(image: &Image) -> bool {
    NOTED.set(0);
    // SAFETY: a valid layout, and the block is given back with the same.
    let block = unsafe { take(image, NOTED_ALIGN, NOTED_ALIGN) };
    let noted = NOTED.replace(0);
    if block.is_null() {
        return false;
    }
    // SAFETY: as above.
    unsafe { (image.dealloc)(block, NOTED_ALIGN, NOTED_ALIGN) };
    noted == block.addr()
}

/// What is tried: the largest sizes of a class, in glibc and elsewhere. An allocator that adds a
/// header or a trailer to what it asks `System` for ends up in another class, or at another address.
const SIZES: [usize; 2] = [7 * WORD, 8 * WORD];
const ALIGN: usize = align_of::<usize>();
const WORD: usize = size_of::<usize>();

/// # Safety
///
/// As [`fit`]; size and alignment must be a layout.
unsafe fn take(image: &Image, size: usize, align: usize) -> *mut u8 {
    // Opaque: the optimiser may take away a pair of allocation and deallocation whose block is only
    // compared, and would answer the comparison itself.
    // SAFETY: the caller's promise.
    black_box(unsafe { (image.alloc)(size, align) })
}

/// A block of `System`'s, of one of [`SIZES`]. Given back when dropped.
struct Block(*mut u8, Layout);

impl Block {
    fn new(size: usize) -> Self {
        let layout = Layout::from_size_align(size, ALIGN).expect("a word's alignment");
        // SAFETY: the size is not zero.
        Self(black_box(unsafe { System.alloc(layout) }), layout)
    }

    fn address(&self) -> usize {
        self.0.addr()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: from `new`, and no longer used.
            unsafe { System.dealloc(black_box(self.0), self.1) }
        }
    }
}

/// Whether the image returns at once what `System` was given back, and the other way round.
///
/// # Safety
///
/// As [`fit`].
unsafe fn swaps_with_system(image: &Image, size: usize) -> bool {
    let [before, middle, after] = std::array::from_fn(|_| Block::new(size));
    let given_back = middle.address();
    drop(middle);
    // SAFETY: a valid layout.
    let block = unsafe { take(image, size, ALIGN) };
    if block.is_null() {
        return false;
    }
    let there = block.addr() == given_back;
    // SAFETY: the block is the image's own, given back with its layout.
    unsafe { (image.dealloc)(block, size, ALIGN) };
    let back = Block::new(size);
    let and_back = back.address() == given_back;
    drop([before, after]);
    there && and_back
}

/// Whether the image returns, sooner or later, most of many blocks that `System` was given back.
///
/// Most: the blocks of an allocator that adds a header can meet every third or fourth of `System`'s by
/// accident, where the system merges what is free.
///
/// # Safety
///
/// As [`fit`].
unsafe fn mixes_with_system(image: &Image, size: usize) -> bool {
    const GIVEN_BACK: usize = 512;
    const TRIED: usize = 8 * GIVEN_BACK;

    let mut given_back: Vec<usize> = Vec::with_capacity(GIVEN_BACK);
    let mut taken = Vec::with_capacity(TRIED);
    let blocks: Vec<Block> = (0..GIVEN_BACK + 2).map(|_| Block::new(size)).collect();
    let mut blocks = blocks.into_iter();
    // The neighbours stay.
    let (before, after) = (blocks.next(), blocks.next_back());
    for block in blocks.by_ref() {
        given_back.push(block.address());
    }
    given_back.sort_unstable();
    let mut met = 0;
    for _ in 0..TRIED {
        // SAFETY: a valid layout.
        let block = unsafe { take(image, size, ALIGN) };
        if block.is_null() {
            break;
        }
        taken.push(block);
        if given_back.binary_search(&block.addr()).is_ok() {
            met += 1;
            if met >= GIVEN_BACK / 4 * 3 {
                break;
            }
        }
    }
    for block in taken {
        // SAFETY: the image's own, given back with its layout.
        unsafe { (image.dealloc)(block, size, ALIGN) };
    }
    drop([before, after]);
    met >= GIVEN_BACK / 4 * 3
}

/// AddressSanitizer replaces `malloc` and keeps what was freed out of use, but can be asked.
#[cfg(target_os = "linux")]
mod sanitizer {
    use std::ffi::{c_char, c_void};
    use std::ptr::null_mut;

    use super::{ALIGN, SIZES, take};
    use crate::keys::abi::Image;

    unsafe extern "C" {
        fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    }

    /// `__asan_locate_address` of `<sanitizer/asan_interface.h>`: an address' kind, the name of a variable
    /// there, and where the region begins and how long it is.
    type Locate = unsafe extern "C" fn(
        *mut c_void,
        *mut c_char,
        usize,
        *mut *mut c_void,
        *mut usize,
    ) -> *const c_char;

    /// Whether a block of the image's is one that the sanitizer's `malloc` returned; `System` is
    /// that `malloc` then.
    ///
    /// # Safety
    ///
    /// As [`fit`](super::fit).
    pub(super) unsafe fn owns(image: &Image) -> bool {
        // SAFETY: null is `RTLD_DEFAULT` on Linux; the name is a C string.
        let found = unsafe { dlsym(null_mut(), c"__asan_locate_address".as_ptr()) };
        if found.is_null() {
            return false;
        }
        // SAFETY: the function of that name is this.
        let locate: Locate = unsafe { std::mem::transmute(found) };
        SIZES.iter().all(|&size| {
            // SAFETY: a valid layout.
            let block = unsafe { take(image, size, ALIGN) };
            if block.is_null() {
                return false;
            }
            let (mut start, mut len) = (null_mut(), 0);
            // SAFETY: any address may be asked about, no name is wanted, and the rest is writable.
            unsafe { locate(block.cast(), null_mut(), 0, &mut start, &mut len) };
            // SAFETY: the image's own, given back with its layout.
            unsafe { (image.dealloc)(block, size, ALIGN) };
            (start.addr(), len) == (block.addr(), size)
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod sanitizer {
    use crate::keys::abi::Image;

    /// Not known how to ask here.
    ///
    /// # Safety
    ///
    /// None.
    pub(super) unsafe fn owns(_: &Image) -> bool {
        false
    }
}
