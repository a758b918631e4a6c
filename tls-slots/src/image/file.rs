//! Which file an address was loaded from.
//!
//! The problem: a loader may open a copy of a file. The system then knows the image by the copy's
//! path, such as `/proc/4711/fd/9`, which tells a person nothing. So a loader notes which file each
//! copy was made from ([`note_copy`]), and [`of`] answers with that file.
//!
//! The path belongs to the system's record of the image, and `dlclose` on another thread frees it.
//! `dladdr` gives the address of the path, and nobody can copy it in time. `dl_iterate_phdr` holds
//! the lock that `dlclose` takes. So `dladdr` is asked only where that does not exist, and about the
//! program itself, which nobody closes.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::sync::lock;

/// The file whose image contains `address`. For a copy, the file that was copied. `None` where the
/// system does not tell.
pub fn of(address: *const u8) -> Option<String> {
    let opened = system::of(address)?.file;
    let original = lock(&COPIES).get(&opened).cloned();
    Some(original.unwrap_or(opened))
}

/// The path by which the image that contains `address` was opened.
pub fn opened_as(address: *const u8) -> Option<String> {
    Some(system::of(address)?.file)
}

/// Whether `address` is in the image that this code is in. True where the system does not tell.
pub fn is_here(address: *const u8) -> bool {
    static HERE: u8 = 0;
    are_together(address, &raw const HERE)
}

/// Whether two addresses are in one image. True where the system does not tell.
pub fn are_together(one: *const u8, other: *const u8) -> bool {
    match (system::of(one), system::of(other)) {
        (Some(one), Some(other)) => one.base == other.base,
        _ => true,
    }
}

/// The original of each copy, by the path that the copy is opened by. No other lock is taken under
/// this one.
static COPIES: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// Notes that the image opened as `opened` is a copy of `file`. A loader calls this before it opens
/// the copy: the image registers while it is being opened.
pub fn note_copy(opened: String, file: String) {
    lock(&COPIES).insert(opened, file);
}

/// Forgets what [`note_copy`] noted.
pub fn forget_copy(opened: &str) {
    lock(&COPIES).remove(opened);
}

/// What the system knows of an image.
struct Found {
    file: String,
    base: usize,
}

#[cfg(unix)]
mod system {
    use std::ffi::{CStr, c_char, c_int, c_void};

    use super::Found;

    /// `Dl_info` of `<dlfcn.h>`.
    #[repr(C)]
    struct DlInfo {
        file: *const c_char,
        base: *mut c_void,
        symbol: *const c_char,
        symbol_address: *mut c_void,
    }

    unsafe extern "C" {
        fn dladdr(address: *const c_void, info: *mut DlInfo) -> c_int;
    }

    #[cfg(tls_slots_program_headers)]
    pub(super) fn of(address: *const u8) -> Option<Found> {
        let found = crate::image::program_headers::image_at(address.addr())?;
        let file = match found.name.is_empty() {
            true => by_dladdr(address)?.file,
            false => found.name,
        };
        Some(Found {
            file,
            base: found.base,
        })
    }

    #[cfg(not(tls_slots_program_headers))]
    pub(super) use by_dladdr as of;

    fn by_dladdr(address: *const u8) -> Option<Found> {
        let mut info = DlInfo {
            file: std::ptr::null(),
            base: std::ptr::null_mut(),
            symbol: std::ptr::null(),
            symbol_address: std::ptr::null_mut(),
        };
        // SAFETY: any address may be asked about; `info` is writable.
        let found = unsafe { dladdr(address.cast(), &mut info) };
        if found == 0 || info.file.is_null() {
            return None;
        }
        // SAFETY: `dladdr` gave a C string that lives as long as the image. That is the program; on
        // systems without program headers it may be a module, which the caller keeps loaded.
        let file = unsafe { CStr::from_ptr(info.file) };
        Some(Found {
            file: file.to_string_lossy().into_owned(),
            base: info.base as usize,
        })
    }
}

/// Not known on this system.
#[cfg(not(unix))]
mod system {
    use super::Found;

    pub(super) fn of(_address: *const u8) -> Option<Found> {
        None
    }
}
