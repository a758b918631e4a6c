//! Which file an address was loaded from.

/// The file whose image contains `address`, where the system tells.
#[cfg(unix)]
pub(crate) fn of(address: *const u8) -> Option<String> {
    use std::ffi::{CStr, c_char, c_int, c_void};

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
    Some(file.to_string_lossy().into_owned())
}

/// The file whose image contains `address`: not known on this system.
#[cfg(not(unix))]
pub(crate) fn of(_address: *const u8) -> Option<String> {
    None
}
