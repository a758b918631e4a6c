//! libc's own functions, which the host's functions of the same names call.
//!
//! Each function is looked up at its first call, as the next definition after the executable's
//! (`dlsym`, `RTLD_NEXT`). The first call may come before any constructor of the executable has
//! run. `dlsym` does not depend on those, and allocates nothing when it succeeds. If two threads
//! look at the same time, both find the same.
//!
//! `pthread_create` may have a sanitizer's function in front of libc's. The sanitizer's runtime,
//! which is linked into the executable, defines `pthread_create` weakly, so that the host's
//! definition replaces it. Its strong name is `__interceptor_pthread_create` (LLVM,
//! compiler-rt/lib/interception/interception.h). If that function were left out, the sanitizer
//! would not know the thread. Here it is referred to weakly, so that it is null where there is no
//! sanitizer.

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

/// A destructor of a thread-local, or of a value of a pthread key. It may unwind. Whoever calls it
/// here discards the panic.
pub(super) type Destructor = unsafe extern "C-unwind" fn(*mut c_void);

/// The start routine of a thread. `pthread_exit` unwinds it.
pub(super) type Routine = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;

/// The start routine of a thread of C11's.
pub(super) type C11Routine = unsafe extern "C-unwind" fn(*mut c_void) -> c_int;

/// What [`cxa_atexit`] takes: C++ and `atexit` never give null, but some callers do.
pub(super) type AtExit = Option<Destructor>;

/// What [`on_exit`] takes: it is called with the process's exit status.
pub(super) type OnExit = unsafe extern "C-unwind" fn(c_int, *mut c_void);

/// `clockid_t`.
pub(super) type Clock = c_int;

/// `timer_t`, as a number.
pub(super) type TimerId = usize;

/// `pthread_t`, which is also `thrd_t`.
pub(super) type PthreadId = c_ulong;

/// `pthread_key_t`.
pub(super) type PthreadKey = c_uint;

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;

    /// An address in this image, which identifies it. The compiler's start files define it.
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
        // Relaxed: the address is all that one thread gives another, and its code is never
        // unmapped.
        let known = self.address.load(Ordering::Relaxed);
        if !known.is_null() {
            return known;
        }
        // SAFETY: `NEXT` is a handle that `dlsym` knows, and the name is a C string.
        let mut found = unsafe { dlsym(NEXT, self.name.as_ptr()) };
        if found.is_null() {
            // Before glibc 2.34, libraries beside libc have some, and the host may not be linked to
            // them. Whoever calls such a function is.
            found = self.in_its_library();
        }
        if found.is_null() {
            // Whoever calls one of them was linked to it. Without it, what is registered would be
            // lost.
            eprintln!("tls-slots: libc has no {}", self.name.to_string_lossy());
            std::process::abort();
        }
        self.address.store(found, Ordering::Relaxed);
        found
    }

    /// The function in the libraries that are loaded, and that the host is not linked to.
    #[cold]
    fn in_its_library(&self) -> *mut c_void {
        let libraries = [c"librt.so.1", c"libpthread.so.0"].into_iter();
        let mut found = libraries.map(|library| {
            // SAFETY: with `RTLD_NOLOAD` nothing is loaded, so no constructor runs.
            let handle =
                unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
            match handle.is_null() {
                true => handle,
                // SAFETY: a handle that `dlopen` gave. It is not closed, so the function stays.
                false => unsafe { dlsym(handle, self.name.as_ptr()) },
            }
        });
        found
            .find(|found| !found.is_null())
            .unwrap_or(std::ptr::null_mut())
    }
}

/// Declares functions that call libc's: the name here, the arguments, and the name in libc. All
/// return an `int`.
macro_rules! functions_of_libc {
    ($(
        $(#[$attr:meta])*
        fn $name:ident($($argument:ident: $type:ty),*) = $of_libc:literal;
    )*) => {$(
        /// libc's function.
        ///
        /// # Safety
        ///
        /// As libc's function.
        $(#[$attr])*
        pub(super) unsafe fn $name($($argument: $type),*) -> c_int {
            static REAL: Next = Next::new($of_libc);
            // SAFETY: the function of that name has that type. The table names the source.
            let real = unsafe {
                std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($type),*) -> c_int>(
                    REAL.address(),
                )
            };
            // SAFETY: the caller promises what libc's function asks for.
            unsafe { real($($argument),*) }
        }
    )*};
}

functions_of_libc! {
    // glibc 2.36, stdlib/cxa_thread_atexit_impl.c and stdlib/cxa_at_quick_exit.c.
    fn thread_atexit(function: Destructor, argument: *mut c_void, image: *mut c_void)
        = c"__cxa_thread_atexit_impl";
    fn cxa_at_quick_exit(function: Destructor, image: *mut c_void) = c"__cxa_at_quick_exit";

    // Linux Standard Base.
    fn cxa_atexit(function: AtExit, argument: *mut c_void, image: *mut c_void) = c"__cxa_atexit";

    // on_exit(3).
    fn on_exit(function: OnExit, argument: *mut c_void) = c"on_exit";

    // POSIX.
    fn key_create(key: *mut PthreadKey, destructor: Option<Destructor>) = c"pthread_key_create";
    fn key_delete(key: PthreadKey) = c"pthread_key_delete";
    fn set(key: PthreadKey, value: *const c_void) = c"pthread_setspecific";
    fn timer_create(clock: Clock, event: *const c_void, id: *mut TimerId) = c"timer_create";
    fn timer_delete(id: TimerId) = c"timer_delete";
    #[cfg(not(tls_slots_thread_sanitizer))]
    fn sigaction(signal: c_int, new: *const c_void, old: *mut c_void) = c"sigaction";

    // C11.
    fn create_c11(thread: *mut PthreadId, routine: C11Routine, argument: *mut c_void)
        = c"thrd_create";
}

#[cfg(tls_slots_thread_sanitizer)]
unsafe extern "C" {
    /// The sanitizer's `sigaction`. It gives libc a function of its own for each signal, and it
    /// must not be replaced. So replaced actions are not noted in such a build.
    pub(super) fn sigaction(signal: c_int, new: *const c_void, old: *mut c_void) -> c_int;
}

/// What identifies the host's image to [`thread_atexit`].
pub(super) fn host() -> *mut c_void {
    (&raw const __dso_handle).cast_mut().cast()
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
    /// The sanitizer's `pthread_create`, or null. Defined above. Only the loader writes to it.
    #[link_name = "tls_slots_sanitizer_pthread_create"]
    static SANITIZER: *mut c_void;
}

/// The sanitizer's `pthread_create`, or else libc's.
///
/// # Safety
///
/// As libc's function.
pub(super) unsafe fn create(
    thread: *mut PthreadId,
    attributes: *const c_void,
    routine: Routine,
    argument: *mut c_void,
) -> c_int {
    type Function =
        unsafe extern "C" fn(*mut PthreadId, *const c_void, Routine, *mut c_void) -> c_int;
    static REAL: Next = Next::new(c"pthread_create");
    // SAFETY: the loader writes it when it relocates the executable, before code of the executable
    // runs. After that nobody writes it.
    let mut address = unsafe { SANITIZER };
    if address.is_null() {
        address = REAL.address();
    }
    // SAFETY: the function of that name has that type (POSIX).
    let real = unsafe { std::mem::transmute::<*mut c_void, Function>(address) };
    // SAFETY: the caller promises what libc's function asks for.
    unsafe { real(thread, attributes, routine, argument) }
}

/// The system's number of the calling thread. 0 if libc has no function for it (glibc before 2.30).
pub(super) fn tid() -> u32 {
    /// Invariant: null, or the address that `dlsym` gave. Relaxed, as in [`Next::address`].
    static GETTID: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    let mut address = GETTID.load(Ordering::Relaxed);
    if address.is_null() {
        // SAFETY: `DEFAULT` is a handle that `dlsym` knows, and the name is a C string.
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

/// The address that a module finds by this name, unless it was opened by `RTLD_DEEPBIND`.
pub(super) fn visible(name: &CStr) -> *mut c_void {
    // SAFETY: `DEFAULT` is a handle that `dlsym` knows, and the name is a C string.
    unsafe { dlsym(DEFAULT, name.as_ptr()) }
}
