//! The host's functions by name, for the format whose modules cannot leave symbols undefined: PE.
//! **Type-checked, not run**: there is no such machine here.
//!
//! The executable exports the host's functions (`/EXPORT`, printed by `tls_slots_build::host()`). A
//! module finds each of them in the process's executable, once. A program that exports none is no
//! host: the constructor then leaves the keys unresolved, and their first use panics with that
//! reason.

use core::ffi::{c_char, c_void};
use core::sync::atomic::{AtomicPtr, Ordering};

use super::super::answer::{Answer, Buffer, Status};

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetModuleHandleA(name: *const c_char) -> *mut c_void;
    fn GetProcAddress(module: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// A function of the host, looked up on its first call.
pub(crate) struct HostFunction {
    /// Invariant: null, or the address that `GetProcAddress` gave for `name` in the executable,
    /// which is never unloaded.
    address: AtomicPtr<c_void>,
    /// Invariant: nul-terminated.
    name: &'static str,
}

impl HostFunction {
    /// The function of that name, which must end with a nul.
    pub(crate) const fn new(name: &'static str) -> Self {
        assert!(name.as_bytes()[name.len() - 1] == 0);
        Self {
            address: AtomicPtr::new(core::ptr::null_mut()),
            name,
        }
    }

    /// The function's address; null in a program that does not export the function.
    pub(crate) fn address(&self) -> *mut c_void {
        let known = self.address.load(Ordering::Relaxed);
        if !known.is_null() {
            return known;
        }
        // SAFETY: a null name asks for the executable; the other name is nul-terminated by the
        // field's invariant. Racing threads store the same address.
        let found = unsafe {
            GetProcAddress(
                GetModuleHandleA(core::ptr::null()),
                self.name.as_ptr().cast(),
            )
        };
        self.address.store(found, Ordering::Relaxed);
        found
    }
}

/// Makes functions of the host callable, each with its symbol.
macro_rules! host_functions {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis unsafe extern $abi:literal fn $name:ident(
            $($argument:ident: $type:ty),*
        ) $(-> $result:ty)? = $symbol:literal, else $otherwise:block;
    )*) => {
        $(
            $(#[$attribute])*
            $visibility unsafe fn $name($($argument: $type),*) $(-> $result)? {
                static FUNCTION: $crate::shared::calls::HostFunction =
                    $crate::shared::calls::HostFunction::new(concat!($symbol, "\0"));
                let address = FUNCTION.address();
                if address.is_null() {
                    return $otherwise;
                }
                // SAFETY: the host's function of that name has this signature: the name holds the
                // version of the interface. The caller promises what the function demands.
                unsafe {
                    core::mem::transmute::<
                        *mut core::ffi::c_void,
                        unsafe extern $abi fn($($type),*) $(-> $result)?,
                    >(address)($($argument),*)
                }
            }
        )*
    };
}
pub(crate) use host_functions;

/// Writes into `buffer` that there is no host. Returns the length of the message.
///
/// # Safety
///
/// `buffer` must be writable.
pub(super) unsafe fn no_host(buffer: *mut Buffer) -> usize {
    const NO_HOST: &str = "the program exports no tls_slots functions: link tls-slots into the \
                           executable and call tls_slots_build::host() in its build.rs";
    // SAFETY: the caller's promise.
    unsafe { (*buffer).write(NO_HOST) }
}

/// The answer for a key of a program that has no host.
///
/// # Safety
///
/// `buffer` must be writable.
pub(super) unsafe fn unresolved(buffer: *mut Buffer) -> Answer {
    Answer {
        status: Status::Unresolved,
        value: core::ptr::null_mut(),
        // SAFETY: the caller's promise.
        message: unsafe { no_host(buffer) },
    }
}
