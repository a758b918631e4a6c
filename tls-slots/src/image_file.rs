//! Which file an address was loaded from.
//!
//! The loader opens copies, which the system knows by a path that says nothing to anybody. So it
//! notes which file each is a copy of, and everybody who asks here is told that one.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file whose image contains `address`, where the system tells; of a copy, the file that was copied.
pub(crate) fn of(address: *const u8) -> Option<String> {
    let opened = system::of(address)?.file;
    let copied = copies().get(&opened).cloned();
    Some(copied.unwrap_or(opened))
}

/// What the image that contains `address` was opened as.
#[cfg(feature = "load")]
pub(crate) fn opened_as(address: *const u8) -> Option<String> {
    Some(system::of(address)?.file)
}

/// Whether `address` is in the image that this code is in; true where the system does not tell.
pub(crate) fn is_here(address: *const u8) -> bool {
    static HERE: u8 = 0;
    match (system::of(address), system::of(&raw const HERE)) {
        (Some(there), Some(here)) => there.base == here.base,
        _ => true,
    }
}

/// Which file the images are copies of that are opened as the keys. A lock that no other is taken under.
static COPIES: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

fn copies() -> MutexGuard<'static, BTreeMap<String, String>> {
    COPIES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that what is opened as `opened` is a copy of `file`. To be called before it is opened, as
/// it registers while it is.
#[cfg(feature = "load")]
pub(crate) fn copied(opened: String, file: String) {
    copies().insert(opened, file);
}

/// Forgets what [`copied`] noted.
#[cfg(feature = "load")]
pub(crate) fn not_copied(opened: &str) {
    copies().remove(opened);
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

    pub(super) fn of(address: *const u8) -> Option<Found> {
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
        // SAFETY: `dladdr` gave a C string that lives as long as the image, which is loaded.
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
