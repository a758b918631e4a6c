//! libc's own functions, which ours stand in front of.
//!
//! Each is looked up once, as the next definition after the executable's (`dlsym`, `RTLD_NEXT`), at the first
//! call. That may be before any constructor of the executable has run, and `dlsym` neither needs that nor
//! allocates when it succeeds. Two threads that look at the same time find the same.
//!
//! `pthread_create` may have another one in front of libc's: a sanitizer's runtime, linked into the
//! executable, defines it weakly, so that ours replaces it, and tells the strong one's name:
//! `__interceptor_pthread_create` (LLVM, compiler-rt/lib/interception/interception.h). A thread that is started past
//! it would be unknown to the sanitizer. It is referred to weakly, so that it is null elsewhere.

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

/// A destructor of a thread-local, or of a pthread key's value. It may unwind as far as its image is
/// concerned; who calls it here contains that.
pub(super) type Destructor = unsafe extern "C-unwind" fn(*mut c_void);

/// What a thread runs. `pthread_exit` unwinds it.
pub(super) type Routine = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;

/// `pthread_t`.
pub(super) type PthreadId = c_ulong;

/// `pthread_key_t`.
pub(super) type PthreadKey = c_uint;

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;

    /// An address in this image, which only identifies it; of the compiler's start files.
    static __dso_handle: u8;

    pub(super) fn pthread_getspecific(key: PthreadKey) -> *mut c_void;
}

/// `RTLD_NEXT` and `RTLD_DEFAULT` of `<dlfcn.h>`.
const NEXT: *mut c_void = std::ptr::without_provenance_mut(usize::MAX);
const DEFAULT: *mut c_void = std::ptr::null_mut();

/// A function of another image. Invariant: null, or the address that `dlsym` gave for the name.
struct Next {
    address: AtomicPtr<c_void>,
    name: &'static CStr,
}

impl Next {
    const fn new(name: &'static CStr) -> Self {
        Self {
            address: AtomicPtr::new(std::ptr::null_mut()),
            name,
        }
    }

    fn address(&self) -> *mut c_void {
        // Relaxed: an address of code that is there for good, and nothing else, is handed from thread to
        // thread.
        let known = self.address.load(Ordering::Relaxed);
        if !known.is_null() {
            return known;
        }
        // SAFETY: a constant of the function's, and a C string.
        let found = unsafe { dlsym(NEXT, self.name.as_ptr()) };
        if found.is_null() {
            // Every glibc since 2.18 has them. To go on would be to lose what is registered.
            eprintln!("tls-slots: libc has no {}", self.name.to_string_lossy());
            std::process::abort();
        }
        self.address.store(found, Ordering::Relaxed);
        found
    }
}

/// libc's `__cxa_thread_atexit_impl`.
///
/// # Safety
///
/// As that.
pub(super) unsafe fn thread_atexit(
    function: Destructor,
    argument: *mut c_void,
    image: *mut c_void,
) -> c_int {
    type Function = unsafe extern "C" fn(Destructor, *mut c_void, *mut c_void) -> c_int;
    static REAL: Next = Next::new(c"__cxa_thread_atexit_impl");
    // SAFETY: the function of that name has that type (glibc, stdlib/cxa_thread_atexit_impl.c).
    let real = unsafe { std::mem::transmute::<*mut c_void, Function>(REAL.address()) };
    // SAFETY: the caller's promise.
    unsafe { real(function, argument, image) }
}

/// What identifies the host's image to [`thread_atexit`].
pub(super) fn host() -> *mut c_void {
    (&raw const __dso_handle).cast_mut().cast()
}

/// libc's `pthread_key_create`.
///
/// # Safety
///
/// As that.
pub(super) unsafe fn key_create(key: *mut PthreadKey, destructor: Option<Destructor>) -> c_int {
    type Function = unsafe extern "C" fn(*mut PthreadKey, Option<Destructor>) -> c_int;
    static REAL: Next = Next::new(c"pthread_key_create");
    // SAFETY: the function of that name has that type (POSIX).
    let real = unsafe { std::mem::transmute::<*mut c_void, Function>(REAL.address()) };
    // SAFETY: the caller's promise.
    unsafe { real(key, destructor) }
}

/// libc's `pthread_key_delete`.
///
/// # Safety
///
/// As that.
pub(super) unsafe fn key_delete(key: PthreadKey) -> c_int {
    type Function = unsafe extern "C" fn(PthreadKey) -> c_int;
    static REAL: Next = Next::new(c"pthread_key_delete");
    // SAFETY: the function of that name has that type (POSIX).
    let real = unsafe { std::mem::transmute::<*mut c_void, Function>(REAL.address()) };
    // SAFETY: the caller's promise.
    unsafe { real(key) }
}

/// libc's `pthread_setspecific`.
///
/// # Safety
///
/// As that.
pub(super) unsafe fn set(key: PthreadKey, value: *const c_void) -> c_int {
    type Function = unsafe extern "C" fn(PthreadKey, *const c_void) -> c_int;
    static REAL: Next = Next::new(c"pthread_setspecific");
    // SAFETY: the function of that name has that type (POSIX).
    let real = unsafe { std::mem::transmute::<*mut c_void, Function>(REAL.address()) };
    // SAFETY: the caller's promise.
    unsafe { real(key, value) }
}

std::arch::global_asm!(
    ".weak __interceptor_pthread_create",
    ".pushsection .data.rel.ro,\"aw\"",
    ".p2align 3",
    ".hidden tls_slots_sanitizer_pthread_create",
    ".globl tls_slots_sanitizer_pthread_create",
    "tls_slots_sanitizer_pthread_create:",
    ".quad __interceptor_pthread_create",
    ".popsection",
);

unsafe extern "C" {
    /// A sanitizer's `pthread_create`, or null. Defined above, written by the loader only.
    #[link_name = "tls_slots_sanitizer_pthread_create"]
    static SANITIZER: *mut c_void;
}

/// The sanitizer's `pthread_create`, or libc's.
///
/// # Safety
///
/// As that.
pub(super) unsafe fn create(
    thread: *mut PthreadId,
    attributes: *const c_void,
    routine: Routine,
    argument: *mut c_void,
) -> c_int {
    type Function =
        unsafe extern "C" fn(*mut PthreadId, *const c_void, Routine, *mut c_void) -> c_int;
    static REAL: Next = Next::new(c"pthread_create");
    // SAFETY: immutable once the executable is relocated, which it is when its code runs.
    let mut address = unsafe { SANITIZER };
    if address.is_null() {
        address = REAL.address();
    }
    // SAFETY: the function of that name has that type (POSIX).
    let real = unsafe { std::mem::transmute::<*mut c_void, Function>(address) };
    // SAFETY: the caller's promise.
    unsafe { real(thread, attributes, routine, argument) }
}

/// The system's number of the calling thread, 0 where libc has no function for it (glibc before 2.30).
pub(super) fn tid() -> u32 {
    /// Invariant: null, or the address that `dlsym` gave. Relaxed, as in [`Next::address`].
    static GETTID: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    let mut address = GETTID.load(Ordering::Relaxed);
    if address.is_null() {
        // SAFETY: a constant of the function's, and a C string.
        address = unsafe { dlsym(DEFAULT, c"gettid".as_ptr()) };
        if address.is_null() {
            return 0;
        }
        GETTID.store(address, Ordering::Relaxed);
    }
    // SAFETY: the function of that name has that type (gettid(2)).
    let gettid = unsafe { std::mem::transmute::<*mut c_void, extern "C" fn() -> c_int>(address) };
    gettid().try_into().unwrap_or(0)
}

/// What a module finds by that name, unless it was opened by `RTLD_DEEPBIND`.
pub(super) fn visible(name: &CStr) -> *mut c_void {
    // SAFETY: a constant of the function's, and a C string.
    unsafe { dlsym(DEFAULT, name.as_ptr()) }
}
