//! Where an image lies in memory, from its program headers.
//!
//! This answers two questions: which image an address belongs to, and which memory of an image is
//! writable. `dl_iterate_phdr` tells (Linux Standard Base, "dl_iterate_phdr"). On a target without
//! that function nothing is known, and what depends on the answer is not done there.

use std::ops::Range;

/// The memory of one image.
#[derive(Clone, Debug)]
pub struct Memory {
    /// From the lowest to the highest address of what is loaded.
    pub all: Range<usize>,
    /// The ranges that stay writable after relocation: `.data` and `.bss`.
    pub writable: Vec<Range<usize>>,
}

/// The memory of the image that `address` belongs to.
#[cfg(all(unix, not(target_vendor = "apple"), target_pointer_width = "64"))]
pub fn of(address: *const u8) -> Option<Memory> {
    use std::ffi::{c_char, c_int, c_void};

    const LOAD: u32 = 1;
    const RELRO: u32 = 0x6474_e552;
    const WRITABLE: u32 = 2;

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

    unsafe extern "C" {
        fn dl_iterate_phdr(
            visit: unsafe extern "C" fn(*const Info, usize, *mut c_void) -> c_int,
            data: *mut c_void,
        ) -> c_int;
    }

    struct Search {
        address: usize,
        found: Option<Memory>,
    }

    /// # Safety
    ///
    /// As `dl_iterate_phdr` calls it, with a `Search`.
    unsafe extern "C" fn visit(info: *const Info, _: usize, data: *mut c_void) -> c_int {
        // SAFETY: the caller's promise; the headers are mapped as long as the image.
        let (info, search) = unsafe { (&*info, &mut *data.cast::<Search>()) };
        if info.headers.is_null() {
            return 0;
        }
        // SAFETY: `headers` and `count` describe the mapped program headers of this image.
        let headers = unsafe { std::slice::from_raw_parts(info.headers, info.count.into()) };
        let range = |header: &Header| {
            let start = info.base.wrapping_add(header.address as usize);
            start..start.wrapping_add(header.size as usize)
        };
        let of_kind = |kind| {
            headers
                .iter()
                .filter(move |header: &&Header| header.kind == kind)
        };
        if !of_kind(LOAD).any(|header| range(header).contains(&search.address)) {
            return 0;
        }
        let starts = of_kind(LOAD).map(|header| range(header).start);
        let ends = of_kind(LOAD).map(|header| range(header).end);
        let read_only: Vec<_> = of_kind(RELRO).map(range).collect();
        search.found = Some(Memory {
            all: starts.min().unwrap_or(0)..ends.max().unwrap_or(0),
            writable: of_kind(LOAD)
                .filter(|header| header.flags & WRITABLE != 0)
                .flat_map(|header| without(range(header), &read_only))
                .collect(),
        });
        1
    }

    let mut search = Search {
        address: address as usize,
        found: None,
    };
    // SAFETY: `visit` is made for this `search`, which outlives the call.
    unsafe { dl_iterate_phdr(visit, (&raw mut search).cast()) };
    search.found
}

/// Whether an image lies at exactly that range. Ask right after an image was closed: later, another
/// image can lie there.
pub fn is_mapped(range: &Range<usize>) -> bool {
    // Its lowest address is its first page, which is loaded.
    of(std::ptr::without_provenance(range.start)).is_some_and(|memory| memory.all == *range)
}

/// The parts of a range that are in none of the others.
#[cfg(all(unix, not(target_vendor = "apple"), target_pointer_width = "64"))]
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

/// Not known on this target.
#[cfg(not(all(unix, not(target_vendor = "apple"), target_pointer_width = "64")))]
pub fn of(_: *const u8) -> Option<Memory> {
    None
}

#[cfg(all(test, unix, not(target_vendor = "apple"), target_pointer_width = "64"))]
mod tests {
    use super::{is_mapped, of, without};

    #[test]
    #[allow(clippy::single_range_in_vec_init)] // lists of ranges is what they are
    fn ranges_are_subtracted() {
        assert_eq!(without(0..10, &[]), [0..10]);
        assert_eq!(without(0..10, &[3..5]), [0..3, 5..10]);
        assert_eq!(without(0..10, &[0..5, 7..20]), [5..7]);
        assert!(without(0..10, &[0..10]).is_empty());
        assert_eq!(without(4..10, &[0..2]), [4..10]);
    }

    #[test]
    fn a_static_is_in_writable_memory_of_its_image() {
        static ZERO: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        static CONSTANT: u64 = 1;
        let memory = of((&raw const ZERO).cast()).expect("this program is loaded");
        let is_writable = |address: usize| memory.writable.iter().any(|it| it.contains(&address));
        assert!(is_writable(&raw const ZERO as usize));
        assert!(!is_writable(&raw const CONSTANT as usize));
        assert!(memory.all.contains(&(&raw const CONSTANT as usize)));
        assert!(memory.all.contains(&(of as fn(_) -> _ as usize)));
        assert!(is_mapped(&memory.all));
        assert!(!is_mapped(&(memory.all.start..memory.all.end + 1)));
        let local = 0;
        assert!(of(&raw const local).is_none());
    }
}
