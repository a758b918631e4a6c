//! The images of this process, and which image needs which.
//!
//! # The problem
//!
//! `dlclose` of a module also unmaps the libraries that only this module needs: a C library that it
//! links, or another module. Their code goes with the module, so what of them is alive counts, too.
//! The system does not say which images go. But each image names the libraries that it needs
//! (`DT_NEEDED`, System V ABI, "Dynamic Section"), and `dl_iterate_phdr` shows all images.
//!
//! # The way
//!
//! The images that are there when the program starts are never unmapped: the host, and what it is
//! linked to. They are *permanent*, and are noted once. All other images have come by `dlopen`.
//!
//! The system matches a needed name with an image's `DT_SONAME`, or with the name of its file.

use std::ffi::{CStr, c_char};
use std::ops::Range;
use std::slice;
use std::sync::OnceLock;

use tls_slots::loader::program_headers::{Info, each};

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Linked {
    /// From its lowest to its highest address.
    pub(crate) memory: Range<usize>,
    /// The path by which it was opened. Empty for the program itself.
    pub(crate) file: String,
    /// The name that it gives itself.
    own_name: Option<String>,
    /// The names of the libraries that it needs.
    pub(crate) needs: Vec<String>,
    /// Whether it says that it is never unmapped.
    pub(crate) stays: bool,
}

impl Linked {
    /// Whether the system takes this image for the needed library of that name.
    pub(crate) fn is_called(&self, needed: &str) -> bool {
        let file_name = self.file.rsplit('/').next();
        self.own_name.as_deref() == Some(needed) || self.file == needed || file_name == Some(needed)
    }
}

#[cfg(test)]
impl Linked {
    /// An image of that name, for tests. No two have the same memory.
    pub(crate) fn of_test(name: &str, needs: &[&str]) -> Self {
        Self {
            memory: name.as_ptr().addr()..name.as_ptr().addr() + 1,
            file: name.to_owned(),
            own_name: None,
            needs: needs.iter().map(|needed| (*needed).to_owned()).collect(),
            stays: false,
        }
    }
}

/// The images that were there when the program started, the program first.
static PERMANENT: OnceLock<Vec<Linked>> = OnceLock::new();

/// Notes the images that are there now. For the program's first constructor.
pub(crate) fn note_permanent() {
    PERMANENT.get_or_init(all);
}

/// The permanent images, the program first. None before [`note_permanent`].
pub(crate) fn permanent() -> &'static [Linked] {
    PERMANENT.get().map_or(&[], Vec::as_slice)
}

/// All images, in the order in which the system searches them.
pub(crate) fn all() -> Vec<Linked> {
    let mut found = Vec::new();
    each(&mut |info| {
        found.push(Linked::of(info));
        false
    });
    found
}

/// The image that an address is in, with all that is known of it.
pub(crate) fn of(address: usize) -> Option<Linked> {
    let mut found = None;
    each(&mut |info| {
        if info.all().contains(&address) {
            found = Some(Linked::of(info));
        }
        found.is_some()
    });
    found
}

/// Where the image lies that an address is in. This allocates nothing.
pub(crate) fn memory_of(address: usize) -> Option<Range<usize>> {
    let mut found = None;
    each(&mut |info| {
        found = Some(info.all()).filter(|memory| memory.contains(&address));
        found.is_some()
    });
    found
}

/// `d_tag` of an `Elf64_Dyn`, and the entries that are read here (System V ABI, "Dynamic Section").
#[repr(C)]
struct Dynamic {
    tag: i64,
    value: usize,
}

/// `p_type` of the dynamic section (System V ABI, "Program Header").
const PT_DYNAMIC: u32 = 2;

const DT_NULL: i64 = 0;
const DT_NEEDED: i64 = 1;
const DT_STRTAB: i64 = 5;
const DT_SONAME: i64 = 14;

// What glibc adds (elf.h).
const DT_FLAGS_1: i64 = 0x6fff_fffb;
const DF_1_NODELETE: usize = 8;

impl Linked {
    /// All that is known of an image.
    fn of(info: &Info) -> Self {
        let memory = info.all();
        let section = info.segments(PT_DYNAMIC).next();
        let entries: &[Dynamic] = match section {
            // SAFETY: the system has read the dynamic section of a loaded image. It is aligned, and
            // as long as its header says.
            Some((_, section)) => unsafe {
                slice::from_raw_parts(
                    std::ptr::with_exposed_provenance(section.start),
                    section.len() / size_of::<Dynamic>(),
                )
            },
            None => &[],
        };
        let entries = || entries.iter().take_while(|entry| entry.tag != DT_NULL);
        let strings = entries().find(|entry| entry.tag == DT_STRTAB);
        // glibc replaces the offset by the address, unless the section is read-only (elf/get-
        // dynamic-info.h).
        let strings = strings.map(|entry| match memory.contains(&entry.value) {
            true => entry.value,
            false => info.base.wrapping_add(entry.value),
        });
        let named = |tag| {
            let of_tag = entries().filter(move |entry| entry.tag == tag);
            of_tag.filter_map(move |entry| {
                let at: *const c_char =
                    std::ptr::with_exposed_provenance(strings?.wrapping_add(entry.value));
                // SAFETY: the entry's value is an offset in the table of strings, which is mapped.
                Some(unsafe { CStr::from_ptr(at) }.to_string_lossy().into_owned())
            })
        };
        let mut flags = entries().filter(|entry| entry.tag == DT_FLAGS_1);
        Self {
            own_name: named(DT_SONAME).next(),
            needs: named(DT_NEEDED).collect(),
            stays: flags.any(|entry| entry.value & DF_1_NODELETE != 0),
            file: info.file(),
            memory,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{all, memory_of, of, permanent};

    #[test]
    fn the_program_and_libc_are_permanent() {
        let here = all as fn() -> _ as usize;
        let program = &permanent()[0];
        assert!(program.memory.contains(&here));
        assert_eq!(memory_of(here), Some(program.memory.clone()));
        assert_eq!(of(here).as_ref(), Some(program));
        // Each library that the program needs is found by its name.
        let libc = program.needs.iter().find(|name| name.starts_with("libc."));
        let libc = libc.expect("it is linked dynamically");
        let found = permanent().iter().find(|image| image.is_called(libc));
        let exit = libc::exit as *const () as usize;
        assert_eq!(memory_of(exit), found.map(|libc| libc.memory.clone()));
        let local = 0;
        assert_eq!(memory_of(&raw const local as usize), None);
    }
}
