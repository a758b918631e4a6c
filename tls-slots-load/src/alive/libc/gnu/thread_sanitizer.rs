//! Two of the functions that replace libc's, in a build for ThreadSanitizer.
//!
//! The problem: the sanitizer's runtime calls them itself, before it is initialised and after it
//! has finished with a thread. The compiler has instrumented the host's functions, so they must not
//! run at these times. The functions of this file are not instrumented. They call the host's
//! functions only if a module is concerned, and else libc's, by other names of the same functions.
//!
//! `tss_set` has other error numbers than `pthread_setspecific`, and glibc has it since 2.28. That
//! is good enough for a sanitizer, and for nothing else.

use std::arch::naked_asm;
use std::ffi::{c_int, c_void};

use super::next::{Destructor, PthreadKey};
use super::{images, pthread_keys};

#[cfg(not(target_arch = "x86_64"))]
compile_error!(
    "tls-slots knows no ThreadSanitizer on this target: write its functions as for x86-64"
);

/// Calls the host's function if there has ever been a module, and else libc's.
///
/// # Safety
///
/// As POSIX has it.
// SAFETY: both functions that it jumps to have this type and do what libc's function of that name
// does.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub(super) unsafe extern "C" fn pthread_key_create(
    key: *mut PthreadKey,
    destructor: Option<Destructor>,
) -> c_int {
    naked_asm!(
        "cmp byte ptr [rip + {has_modules}], 0",
        "je 2f",
        "jmp {ours}",
        "2:",
        "jmp __pthread_key_create@PLT",
        has_modules = sym images::HAS_MODULES,
        ours = sym pthread_keys::pthread_key_create,
    )
}

/// Calls the host's function if the key is a module's, and else libc's.
///
/// # Safety
///
/// As POSIX has it.
// SAFETY: both functions that it jumps to have this type and do what libc's function of that name
// does.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub(super) unsafe extern "C" fn pthread_setspecific(
    key: PthreadKey,
    value: *const c_void,
) -> c_int {
    naked_asm!(
        "cmp edi, {keys}",
        "jae 2f",
        "lea rax, [rip + {of_modules}]",
        "bt dword ptr [rax], edi",
        "jnc 2f",
        "jmp {ours}",
        "2:",
        "jmp tss_set@PLT",
        keys = const pthread_keys::KEYS,
        of_modules = sym pthread_keys::OF_MODULES,
        ours = sym pthread_keys::pthread_setspecific,
    )
}
