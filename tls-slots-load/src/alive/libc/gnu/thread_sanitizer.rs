//! Two of the functions that replace libc's, in a build for ThreadSanitizer.
//!
//! Its runtime calls them itself, before it has set itself up and when it is through with a thread. The compiler has
//! instrumented our functions, so they must not run there. These here are not instrumented: they hand
//! on to ours what concerns a module, and the rest to libc, by other names of the same functions. (`tss_set`
//! has other error numbers, and there is no such function before glibc 2.28: good enough for a sanitizer, and for
//! nothing else.)

use std::arch::naked_asm;
use std::ffi::{c_int, c_void};

use super::next::{Destructor, PthreadKey};
use super::{images, keys};

#[cfg(not(target_arch = "x86_64"))]
compile_error!(
    "tls-slots knows no ThreadSanitizer on this target: write its functions as for x86-64"
);

/// # Safety
///
/// As POSIX has it.
// SAFETY: one of the two functions that have this type and do what that name says.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub(super) unsafe extern "C" fn pthread_key_create(
    key: *mut PthreadKey,
    destructor: Option<Destructor>,
) -> c_int {
    naked_asm!(
        "cmp byte ptr [rip + {any}], 0",
        "je 2f",
        "jmp {ours}",
        "2:",
        "jmp __pthread_key_create@PLT",
        any = sym images::ANY,
        ours = sym keys::pthread_key_create,
    )
}

/// # Safety
///
/// As POSIX has it.
// SAFETY: as above.
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
        keys = const keys::KEYS,
        of_modules = sym keys::OF_MODULES,
        ours = sym keys::pthread_setspecific,
    )
}
