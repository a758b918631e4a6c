//! Where an image lies in memory.
//!
//! This answers two questions: which image an address belongs to, and which memory of an image is
//! writable. On targets with ELF the program headers tell (`program_headers.rs`). On other targets
//! nothing is known, and what depends on the answer is not done there.

use std::ops::Range;

#[cfg(tls_slots_program_headers)]
use super::program_headers;

/// The memory of one image.
#[derive(Clone, Debug)]
pub struct Memory {
    /// From the lowest to the highest address of what is loaded.
    pub all: Range<usize>,
    /// The ranges that stay writable after relocation: `.data` and `.bss`.
    pub writable: Vec<Range<usize>>,
}

/// The memory of the image that `address` belongs to. `None` where no image is, or where the system
/// does not tell.
pub fn of(address: *const u8) -> Option<Memory> {
    #[cfg(tls_slots_program_headers)]
    {
        program_headers::image_at(address.addr(), |info| Memory {
            all: info.all(),
            writable: info.writable(),
        })
    }
    #[cfg(not(tls_slots_program_headers))]
    {
        let _ = address;
        None
    }
}

/// Whether an image lies at exactly that range. Ask right after an image was closed: later, another
/// image can lie there.
pub fn is_mapped(range: &Range<usize>) -> bool {
    // Its lowest address is its first page, which is loaded.
    of(std::ptr::without_provenance(range.start)).is_some_and(|memory| memory.all == *range)
}

#[cfg(all(test, tls_slots_program_headers))]
mod tests {
    use super::{is_mapped, of};

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
