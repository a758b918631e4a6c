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
///
/// Invariant: it is the system's, which has given it to `visit`, and `visit` has not returned.
#[repr(C)]
pub struct Info {
    /// What is added to the addresses in its file. No two images have the same.
    pub base: usize,
    name: *const c_char,
    headers: *const Header,
    count: u16,
}

impl Info {
    /// Where the segments of a kind lie in memory, and their flags.
    pub fn segments(&self, kind: u32) -> impl Iterator<Item = (u32, Range<usize>)> {
        let headers = match self.headers.is_null() {
            true => &[],
            // SAFETY: both describe the program headers of this image, which are mapped as long as
            // the image is. The system has given this to `visit`, so the image is there.
            false => unsafe { std::slice::from_raw_parts(self.headers, self.count.into()) },
        };
        let of_kind = headers.iter().filter(move |header| header.kind == kind);
        of_kind.map(|header| {
            let start = self.base.wrapping_add(header.address as usize);
            let end = start.wrapping_add(header.size as usize);
            (header.flags, start..end)
        })
    }

    /// From the lowest to the highest address of the image.
    pub fn all(&self) -> Range<usize> {
        let loaded = self.segments(PT_LOAD).map(|(_, range)| range);
        let both = loaded.reduce(|all, one| all.start.min(one.start)..all.end.max(one.end));
        both.unwrap_or(0..0)
    }

    /// What of it stays writable.
    pub(super) fn writable(&self) -> Vec<Range<usize>> {
        let relro = self.segments(PT_GNU_RELRO).map(|(_, range)| range);
        let read_only: Vec<_> = relro.collect();
        self.segments(PT_LOAD)
            .filter(|(flags, _)| flags & PF_W != 0)
            .flat_map(|(_, range)| without(range, &read_only))
            .collect()
    }

    /// The path by which the image was opened. Empty for the program itself.
    pub fn file(&self) -> String {
        if self.name.is_null() {
            return String::new();
        }
        // SAFETY: a C string of this image. While `each` runs, `dlclose` on another thread waits
        // before it frees the string.
        let name = unsafe { CStr::from_ptr(self.name) };
        name.to_string_lossy().into_owned()
    }
}

unsafe extern "C" {
    fn dl_iterate_phdr(
        visit: unsafe extern "C" fn(*const Info, usize, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
}

type Look<'a> = &'a mut dyn FnMut(&Info) -> bool;

/// # Safety
///
/// As `dl_iterate_phdr` calls it, with a [`Look`].
unsafe extern "C" fn visit(info: *const Info, _: usize, data: *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    let (info, look) = unsafe { (&*info, &mut *data.cast::<Look<'_>>()) };
    look(info).into()
}

/// Calls a function with each image, in the order in which the system searches them, until it says
/// that this was enough. This allocates nothing.
///
/// While it runs, `dlclose` on another thread waits before it takes an image off the list (glibc
/// 2.36: `dl_iterate_phdr` and `_dl_close_worker` take `dl_load_write_lock`, which a thread may
/// take again).
pub fn each(mut look: Look<'_>) {
    // SAFETY: `visit` is made for this `look`, which outlives the call.
    unsafe { dl_iterate_phdr(visit, (&raw mut look).cast()) };
}

/// What a function tells of the image that `address` is in.
pub(super) fn image_at<R>(address: usize, tell: impl Fn(&Info) -> R) -> Option<R> {
    let mut found = None;
    each(&mut |info| {
        let mut loaded = info.segments(PT_LOAD);
        if loaded.any(|(_, range)| range.contains(&address)) {
            found = Some(tell(info));
        }
        found.is_some()
    });
    found
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
