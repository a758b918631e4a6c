//! Whether a module's allocator fits the host's.
//!
//! The problem: host and module free each other's memory, inside the values that they share. But
//! each image chooses its own allocator, and nothing in an image tells which: `#[global_allocator]`
//! leaves no mark that survives `strip`, and a wrapper may stand around the allocator. So the host
//! *tries* the module's allocator, through the two functions that the image presents
//! ([`Image::alloc`]), before any key of the module is resolved:
//!
//! 1. *Does it forward?* The host asks for a block of an unusual alignment. If the request arrives
//!    at [`memory::alloc`] on this thread, and the image then returns that very pointer, the
//!    module's allocator is the host's, whichever that is.
//! 2. *Is it the system's?* Allocators soon reuse what they were given back. The host takes three
//!    blocks from [`System`] and gives the middle one back. If the module's allocator now returns
//!    that very block, and `System` returns it again after the module has given it back, the
//!    module's allocator is `System`, or hands `System`'s pointers through. The neighbours stay
//!    allocated, so the block's page stays `System`'s meanwhile. Some allocators do not reuse freed
//!    blocks at once (mimalloc, musl). For these, the host gives back many blocks, and most of them
//!    must return.
//!
//! The host's own allocator is tried once, in the same way. A module that forwards fits every host.
//! A module with the system's allocator fits a host with the system's allocator. Nothing else fits:
//! two images with a copy each of mimalloc have separate heaps.
//!
//! Two other ways were considered. A large allocation shows in glibc's `mallinfo2`; but that races
//! with other threads, and is blind where jemalloc or a sanitizer replaces `malloc`. To ask
//! `malloc_usable_size` about a foreign block is undefined.
//!
//! Limits. An allocator that hands `System`'s pointers through, but insists on books of its own, is
//! taken for `System`. An allocator that never reuses freed blocks (valgrind's memcheck, hardened
//! replacements of `malloc`) is not recognised as `System`: modules then need the line that the
//! refusal names. AddressSanitizer is such an allocator too; it can be asked.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::OnceLock;

use crate::keys::abi::Image;
use crate::keys::host;
use crate::memory;

/// What an image's allocator turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// It is the host's, by [`memory::alloc`].
    Forwards,
    /// [`System`], or one that hands its pointers through.
    System,
    /// Neither, as far as it shows.
    Other,
}

/// Whether the module's allocator and the host's may free each other's memory.
///
/// Runs the image's allocator, so the caller holds no lock, and calls this on the thread that loads
/// the image.
///
/// # Errors
///
/// A sentence that names both allocators and what to write.
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
    const ALIGN: usize = memory::NOTED_ALIGN;

    memory::take_note();
    // SAFETY: a valid layout, and the block is given back with the same.
    let block = unsafe { take(image, ALIGN, ALIGN) };
    let noted = memory::take_note();
    if block.is_null() {
        return false;
    }
    // SAFETY: the image's own block, given back with its layout.
    unsafe { (image.dealloc)(block, ALIGN, ALIGN) };
    noted == block.addr()
}

/// What is tried: the largest sizes of a class, in glibc and elsewhere. An allocator that adds a
/// header or a trailer to what it asks `System` for ends up in another class, or at another
/// address.
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
/// Most: the blocks of an allocator that adds a header can meet every third or fourth of `System`'s
/// by accident, where the system merges what is free.
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

    /// `__asan_locate_address` of `<sanitizer/asan_interface.h>`: an address' kind, the name of a
    /// variable there, and where the region begins and how long it is.
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
