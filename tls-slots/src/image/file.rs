//! Which file an address was loaded from.
//!
//! The problem: a loader may open a copy of a file. The system then knows the image by the copy's
//! path, such as `/proc/4711/fd/9`, which tells a person nothing. So a loader notes which file each
//! copy was made from ([`note_copy`]), and [`of`] answers with that file.
//!
//! The path belongs to the system's record of the image, and `dlclose` on another thread frees it.
//! `dladdr` gives the address of the path, and nobody can copy it in time. `dl_iterate_phdr` holds
//! the lock that `dlclose` takes. So `dladdr` is asked only on systems without the latter.

use std::collections::BTreeMap;
#[cfg(tls_slots_program_headers)]
use std::env;
use std::sync::Mutex;

#[cfg(tls_slots_program_headers)]
use super::program_headers::{Info, image_at};
use crate::sync::lock;

/// The file whose image contains `address`. For a copy, the file that was copied. `None` where the
/// system does not tell.
pub fn of(address: *const u8) -> Option<String> {
    let opened = opened_as(address)?;
    let original = lock(&COPIES).get(&opened).cloned();
    Some(original.unwrap_or(opened))
}

/// The path by which the image that contains `address` was opened.
pub fn opened_as(address: *const u8) -> Option<String> {
    Some(find(address)?.0)
}

/// Whether `address` is in the image that this code is in. True where the system does not tell.
pub fn is_here(address: *const u8) -> bool {
    static HERE: u8 = 0;
    are_together(address, &raw const HERE)
}

/// Whether two addresses are in one image. True where the system does not tell.
pub fn are_together(one: *const u8, other: *const u8) -> bool {
    match (find(one), find(other)) {
        (Some((_, one)), Some((_, other))) => one == other,
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

/// The path by which the image that contains `address` was opened, and where it lies: no two images
/// have the same base.
#[cfg(tls_slots_program_headers)]
fn find(address: *const u8) -> Option<(String, usize)> {
    let tell = |info: &Info| (info.file(), info.base);
    let (mut file, base) = image_at(address.addr(), tell)?;
    // The program itself has no name there.
    if file.is_empty() {
        file = env::current_exe().ok()?.to_string_lossy().into_owned();
    }
    Some((file, base))
}

/// As above. The caller keeps the image loaded: the path is freed with it.
#[cfg(all(unix, not(tls_slots_program_headers)))]
fn find(address: *const u8) -> Option<(String, usize)> {
    use std::ffi::{CStr, c_char, c_int, c_void};

    /// `Dl_info` of `<dlfcn.h>`: file, base, and a symbol's name and address.
    #[repr(C)]
    struct DlInfo(*const c_char, *mut c_void, *const c_char, *mut c_void);

    unsafe extern "C" {
        fn dladdr(address: *const c_void, info: *mut DlInfo) -> c_int;
    }

    // SAFETY: any bits are an address.
    let mut info: DlInfo = unsafe { std::mem::zeroed() };
    // SAFETY: any address may be asked about; `info` is writable.
    let found = unsafe { dladdr(address.cast(), &mut info) };
    if found == 0 || info.0.is_null() {
        return None;
    }
    // SAFETY: `dladdr` gave a C string that lives as long as the image.
    let file = unsafe { CStr::from_ptr(info.0) };
    Some((file.to_string_lossy().into_owned(), info.1.addr()))
}

/// Not known on this system.
#[cfg(not(unix))]
fn find(_address: *const u8) -> Option<(String, usize)> {
    None
}
