//! The images of this process by their ELF program headers: `dl_iterate_phdr` (Linux Standard Base,
//! "dl_iterate_phdr"; the BSDs have the same function).

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ops::Range;

// `p_type` and `p_flags` of the System V ABI, "Program Header".
const PT_LOAD: u32 = 1;
const PT_GNU_RELRO: u32 = 0x6474_e552;
const PF_W: u32 = 2;

/// `Elf64_Phdr` of the System V ABI.
#[repr(C)]
struct Header {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    physical: u64,
    size_in_file: u64,
    size: u64,
    align: u64,
}

/// The first fields of `dl_phdr_info` of `<link.h>`; later ones differ between systems.
#[repr(C)]
struct Info {
    base: usize,
    name: *const c_char,
    headers: *const Header,
    count: u16,
}

impl Info {
    /// Where that header's segment lies in memory.
    fn range(&self, header: &Header) -> Range<usize> {
        let start = self.base.wrapping_add(header.address as usize);
        start..start.wrapping_add(header.size as usize)
    }
}

unsafe extern "C" {
    fn dl_iterate_phdr(
        visit: unsafe extern "C" fn(*const Info, usize, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
}

/// An image.
pub(super) struct Found {
    /// The path by which it was opened. Empty for the program itself.
    pub(super) file: String,
    /// What is added to the addresses in its file. No two images have the same.
    pub(super) base: usize,
    /// All of its memory.
    pub(super) all: Range<usize>,
    /// What of it stays writable.
    pub(super) writable: Vec<Range<usize>>,
}

/// The image to look for, and what was found.
struct Search {
    address: usize,
    found: Option<Found>,
}

/// Looks at one image. Stops the search, by 1, at the image that the address is in.
///
/// # Safety
///
/// As `dl_iterate_phdr` calls it, with a [`Search`].
unsafe extern "C" fn visit(info: *const Info, _: usize, data: *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    let (info, search) = unsafe { (&*info, &mut *data.cast::<Search>()) };
    if info.headers.is_null() {
        return 0;
    }
    // SAFETY: `headers` and `count` describe the program headers of this image, which are mapped as
    // long as the image is.
    let headers = unsafe { std::slice::from_raw_parts(info.headers, info.count.into()) };
    let of_kind = |kind| headers.iter().filter(move |header| header.kind == kind);
    let loaded: Vec<_> = of_kind(PT_LOAD).map(|header| info.range(header)).collect();
    if !loaded.iter().any(|range| range.contains(&search.address)) {
        return 0;
    }
    let start = loaded.iter().map(|range| range.start).min();
    let end = loaded.iter().map(|range| range.end).max();
    let read_only: Vec<_> = of_kind(PT_GNU_RELRO)
        .map(|header| info.range(header))
        .collect();
    let writable = of_kind(PT_LOAD)
        .filter(|header| header.flags & PF_W != 0)
        .flat_map(|header| without(info.range(header), &read_only));
    let file = match info.name.is_null() {
        true => String::new(),
        // SAFETY: a C string of this image. While this function runs, `dlclose` on another thread
        // waits before it frees the string (glibc 2.36: `dl_iterate_phdr` and `_dl_close_worker`
        // take `dl_load_write_lock`).
        false => unsafe { CStr::from_ptr(info.name) }
            .to_string_lossy()
            .into_owned(),
    };
    search.found = Some(Found {
        file,
        base: info.base,
        all: start.unwrap_or(0)..end.unwrap_or(0),
        writable: writable.collect(),
    });
    1
}

/// The image that `address` is in.
pub(super) fn image_at(address: usize) -> Option<Found> {
    let mut search = Search {
        address,
        found: None,
    };
    // SAFETY: `visit` is made for this `search`, which outlives the call.
    unsafe { dl_iterate_phdr(visit, (&raw mut search).cast()) };
    search.found
}

/// The parts of a range that are in none of the others.
fn without(range: Range<usize>, others: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut left = vec![range];
    for other in others {
        left = left
            .into_iter()
            .flat_map(|part| {
                let before = part.start..part.end.min(other.start);
                let after = part.start.max(other.end)..part.end;
                [before, after]
            })
            .filter(|part| part.start < part.end)
            .collect();
    }
    left
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    #[allow(clippy::single_range_in_vec_init)] // lists of ranges is what they are
    fn ranges_are_subtracted() {
        assert_eq!(without(0..10, &[]), [0..10]);
        assert_eq!(without(0..10, &[3..5]), [0..3, 5..10]);
        assert_eq!(without(0..10, &[0..5, 7..20]), [5..7]);
        assert!(without(0..10, &[0..10]).is_empty());
        assert_eq!(without(4..10, &[0..2]), [4..10]);
    }
}
