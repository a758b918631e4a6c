//! PE: Windows. **Type-checked, not run**: there is no such machine here.
//!
//! The linker sorts what stands behind `$` in a section's name, so keys in `.tlskey$m` lie between
//! the markers in `.tlskey$a` and `.tlskey$z` (PE format, "Grouped Sections"). It may pad between
//! objects with zeroes, so an all-zero key is skipped by the registry, and
//! zeroes between the manifest's records by its reader.
//!
//! A DLL cannot leave symbols undefined. The executable exports the host's functions
//! (`/EXPORT`, printed by `tls_slots_build::host()`), and a module finds them by name in the process's
//! executable, once per function. A program that exports none is no host: the constructor
//! then leaves the keys unresolved, and their first use panics with that reason.

use core::ffi::{CStr, c_char, c_void};
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::abi::{Answer, Buffer, Image, Key, Status, Text};
#[cfg(feature = "std")]
use crate::abi::{Call, Exception, Outcome, Std, Take, Word};
use crate::counters::Counted;
use crate::on_unload::OnUnload;
use crate::quiescence::Runtime;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetModuleHandleA(name: *const c_char) -> *mut c_void;
    fn GetProcAddress(module: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// A function of the host, looked up on first use.
///
/// Invariant: null, or the address that `GetProcAddress` gave for `name` in the executable, which is
/// never unloaded.
struct HostFn {
    address: AtomicPtr<c_void>,
    name: &'static CStr,
}

impl HostFn {
    const fn new(name: &'static CStr) -> Self {
        Self {
            address: AtomicPtr::new(core::ptr::null_mut()),
            name,
        }
    }

    fn address(&self) -> *mut c_void {
        let known = self.address.load(Ordering::Relaxed);
        if !known.is_null() {
            return known;
        }
        // SAFETY: a null name asks for the executable; the other name is nul-terminated. Racing
        // threads store the same address.
        let found =
            unsafe { GetProcAddress(GetModuleHandleA(core::ptr::null()), self.name.as_ptr()) };
        self.address.store(found, Ordering::Relaxed);
        found
    }
}

static REGISTER: HostFn = HostFn::new(c"tls_slots_register_v1");
static UNREGISTER: HostFn = HostFn::new(c"tls_slots_unregister_v1");
static GET: HostFn = HostFn::new(c"tls_slots_get_v1");
static RESERVE: HostFn = HostFn::new(c"tls_slots_reserve_v1");
static EXPLAIN: HostFn = HostFn::new(c"tls_slots_explain_v1");
static ON_UNLOAD: HostFn = HostFn::new(c"tls_slots_on_unload_v1");
static ALLOC: HostFn = HostFn::new(c"tls_slots_alloc_v1");
static DEALLOC: HostFn = HostFn::new(c"tls_slots_dealloc_v1");
static ALLOC_ZEROED: HostFn = HostFn::new(c"tls_slots_alloc_zeroed_v1");
static REALLOC: HostFn = HostFn::new(c"tls_slots_realloc_v1");
static COUNT: HostFn = HostFn::new(c"tls_slots_count_v1");
static HOLD: HostFn = HostFn::new(c"tls_slots_hold_v1");
static QUIESCENT_STATE: HostFn = HostFn::new(c"tls_slots_quiescent_state_v1");
static RUNTIME: HostFn = HostFn::new(c"tls_slots_runtime_v1");
static VALUE: HostFn = HostFn::new(c"tls_slots_value_v1");
#[cfg(feature = "std")]
static PRESENT_STD: HostFn = HostFn::new(c"tls_slots_present_std_v1");

const NO_HOST: &str = "the program exports no tls_slots functions: link tls-slots into the \
                       executable and call tls_slots_build::host() in its build.rs";

/// See `linked.rs`.
///
/// # Safety
///
/// The image must be loaded and its section hold nothing but keys.
pub unsafe fn register(image: *const Image) {
    let address = REGISTER.address();
    if !address.is_null() {
        // SAFETY: the host's function of that name has this signature (ABI v1); the obligations
        // are passed on.
        unsafe {
            core::mem::transmute::<*mut c_void, unsafe extern "C" fn(*const Image)>(address)(image)
        }
    }
}

/// See `linked.rs`.
///
/// # Safety
///
/// No other code of the image may run any more.
pub unsafe fn unregister(image: *const Image) {
    let address = UNREGISTER.address();
    if !address.is_null() {
        // SAFETY: as in `register`.
        unsafe {
            core::mem::transmute::<*mut c_void, unsafe extern "C" fn(*const Image)>(address)(image)
        }
    }
}

/// See `linked.rs`.
///
/// # Safety
///
/// `key` must be a key of a loaded image, `buffer` writable.
pub unsafe fn explain(key: *const Key, buffer: *mut Buffer) -> usize {
    let address = EXPLAIN.address();
    if address.is_null() {
        // SAFETY: the caller's promise.
        return unsafe { (*buffer).write(NO_HOST) };
    }
    // SAFETY: as in `register`.
    unsafe {
        core::mem::transmute::<*mut c_void, unsafe extern "C" fn(*const Key, *mut Buffer) -> usize>(
            address,
        )(key, buffer)
    }
}

/// See `linked.rs`.
///
/// # Safety
///
/// `key` must be a thread-local of a loaded image, `buffer` writable.
pub unsafe fn get(key: *const Key, has_value: bool, buffer: *mut Buffer) -> Answer {
    let address = GET.address();
    if address.is_null() {
        // SAFETY: the caller's promise.
        return unsafe { no_host(buffer) };
    }
    // SAFETY: as in `register`.
    unsafe {
        core::mem::transmute::<
            *mut c_void,
            unsafe extern "C-unwind" fn(*const Key, bool, *mut Buffer) -> Answer,
        >(address)(key, has_value, buffer)
    }
}

/// See `linked.rs`.
///
/// # Safety
///
/// As [`get`].
pub unsafe fn reserve(key: *const Key, buffer: *mut Buffer) -> Answer {
    let address = RESERVE.address();
    if address.is_null() {
        // SAFETY: the caller's promise.
        return unsafe { no_host(buffer) };
    }
    // SAFETY: as in `register`.
    unsafe {
        core::mem::transmute::<
            *mut c_void,
            unsafe extern "C-unwind" fn(*const Key, *mut Buffer) -> Answer,
        >(address)(key, buffer)
    }
}

/// See `linked.rs`.
///
/// # Safety
///
/// As there.
pub(crate) unsafe fn on_unload(image: *const Key, hook: *const OnUnload) {
    let address = ON_UNLOAD.address();
    if !address.is_null() {
        // SAFETY: as in `register`.
        unsafe {
            core::mem::transmute::<*mut c_void, unsafe extern "C" fn(*const Key, *const OnUnload)>(
                address,
            )(image, hook)
        }
    }
}

/// See `linked.rs`.
///
/// # Safety
///
/// Both must be those of the calling image, which is loaded.
#[cfg(feature = "std")]
pub(crate) unsafe fn present_std(image: *const Image, std: *const Std) -> *const () {
    let address = PRESENT_STD.address();
    if address.is_null() {
        return core::ptr::null();
    }
    // SAFETY: as in `register`.
    unsafe {
        core::mem::transmute::<
            *mut c_void,
            unsafe extern "C" fn(*const Image, *const Std) -> *const (),
        >(address)(image, std)
    }
}

/// No access is inline on this format, so `panic::catch_unwind` is std's and does not call this.
///
/// # Safety
///
/// None.
#[cfg(feature = "std")]
pub(crate) unsafe fn owner(_: *const Exception) -> Option<Take> {
    None
}

/// As [`owner`]: not called here.
///
/// # Safety
///
/// Calls `call` with `data`: that must be sound.
#[cfg(feature = "std")]
pub(crate) unsafe fn try_call(data: Word, call: Call) -> Outcome {
    // SAFETY: the caller's promise.
    unsafe { call(data) }
}

/// # Safety
///
/// `buffer` must be writable.
unsafe fn no_host(buffer: *mut Buffer) -> Answer {
    Answer {
        status: Status::Unresolved,
        value: core::ptr::null_mut(),
        // SAFETY: the caller's promise.
        message: unsafe { (*buffer).write(NO_HOST) },
    }
}

/// See `linked.rs`.
///
/// # Safety
///
/// As there.
pub(crate) unsafe fn count(offset: usize, what: Counted, ended: bool) {
    let address = COUNT.address();
    if !address.is_null() {
        // SAFETY: as in `register`.
        unsafe {
            core::mem::transmute::<*mut c_void, unsafe extern "C" fn(usize, Counted, bool)>(address)(
                offset, what, ended,
            )
        }
    }
}

/// See `linked.rs`.
///
/// # Safety
///
/// As there.
pub(crate) unsafe fn hold(image: *const Key, name: Text, begins: bool) {
    let address = HOLD.address();
    if !address.is_null() {
        // SAFETY: as in `register`.
        unsafe {
            core::mem::transmute::<*mut c_void, unsafe extern "C" fn(*const Key, Text, bool)>(
                address,
            )(image, name, begins)
        }
    }
}

/// See `linked.rs`.
///
/// # Safety
///
/// As there.
pub(crate) unsafe fn quiescent_state() {
    let address = QUIESCENT_STATE.address();
    if !address.is_null() {
        // SAFETY: as in `register`.
        unsafe { core::mem::transmute::<*mut c_void, unsafe extern "C-unwind" fn()>(address)() }
    }
}

/// See `linked.rs`.
///
/// # Safety
///
/// As there.
pub(crate) unsafe fn add_runtime(runtime: *mut dyn Runtime) {
    let address = RUNTIME.address();
    if !address.is_null() {
        // SAFETY: as in `register`.
        unsafe {
            core::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut dyn Runtime)>(address)(
                runtime,
            )
        }
    }
}

// Memory. Without a host there is none: an allocation that fails ends the program with that message.

/// See `linked.rs`.
///
/// # Safety
///
/// As there.
pub(crate) unsafe fn alloc(image: *const Key, size: usize, align: usize) -> *mut u8 {
    let address = ALLOC.address();
    if address.is_null() {
        return core::ptr::null_mut();
    }
    // SAFETY: as in `register`.
    unsafe {
        core::mem::transmute::<*mut c_void, unsafe extern "C" fn(*const Key, usize, usize) -> *mut u8>(
            address,
        )(image, size, align)
    }
}

/// See `linked.rs`.
///
/// # Safety
///
/// As there.
pub(crate) unsafe fn dealloc(image: *const Key, block: *mut u8, size: usize, align: usize) {
    let address = DEALLOC.address();
    if address.is_null() {
        return;
    }
    // SAFETY: as in `register`.
    unsafe {
        core::mem::transmute::<*mut c_void, unsafe extern "C" fn(*const Key, *mut u8, usize, usize)>(
            address,
        )(image, block, size, align)
    }
}

/// See `linked.rs`.
///
/// # Safety
///
/// As there.
pub(crate) unsafe fn alloc_zeroed(image: *const Key, size: usize, align: usize) -> *mut u8 {
    let address = ALLOC_ZEROED.address();
    if address.is_null() {
        return core::ptr::null_mut();
    }
    // SAFETY: as in `register`.
    unsafe {
        core::mem::transmute::<*mut c_void, unsafe extern "C" fn(*const Key, usize, usize) -> *mut u8>(
            address,
        )(image, size, align)
    }
}

/// See `linked.rs`.
///
/// # Safety
///
/// As there.
pub(crate) unsafe fn realloc(
    image: *const Key,
    block: *mut u8,
    size: usize,
    align: usize,
    new_size: usize,
) -> *mut u8 {
    let address = REALLOC.address();
    if address.is_null() {
        return core::ptr::null_mut();
    }
    // SAFETY: as in `register`.
    unsafe {
        core::mem::transmute::<
            *mut c_void,
            unsafe extern "C" fn(*const Key, *mut u8, usize, usize, usize) -> *mut u8,
        >(address)(image, block, size, align, new_size)
    }
}

/// The calling thread's table; without a host, one that is all null, so that every access takes
/// the cold path.
pub(crate) fn table() -> *mut u8 {
    struct Nulls([AtomicPtr<u8>; crate::names::TABLE_SLOTS]);
    static NULLS: Nulls =
        Nulls([const { AtomicPtr::new(core::ptr::null_mut()) }; crate::names::TABLE_SLOTS]);

    let address = VALUE.address();
    if address.is_null() {
        return NULLS.0.as_ptr().cast_mut().cast();
    }
    // SAFETY: as in `register`.
    unsafe { core::mem::transmute::<*mut c_void, extern "C" fn() -> *mut u8>(address)() }
}

#[used]
#[unsafe(link_section = ".tlskey$a")]
static FIRST: [Key; 0] = [];

#[used]
#[unsafe(link_section = ".tlskey$z")]
static LAST: [Key; 0] = [];

/// What this image is known by: the address where its keys begin, keys or none.
#[inline]
pub fn id() -> *const Key {
    FIRST.as_ptr()
}

/// Bounds of this image's keys.
pub(crate) fn keys() -> (*const Key, *const Key) {
    (FIRST.as_ptr(), LAST.as_ptr())
}

#[used]
#[unsafe(link_section = ".tlsman$a")]
static MANIFEST_FIRST: [u8; 0] = [];

#[used]
#[unsafe(link_section = ".tlsman$z")]
static MANIFEST_LAST: [u8; 0] = [];

/// Bounds of this image's manifest.
pub(crate) fn manifest() -> (*const u8, *const u8) {
    (MANIFEST_FIRST.as_ptr(), MANIFEST_LAST.as_ptr())
}

#[used]
#[unsafe(link_section = ".CRT$XCB")]
static ENTER: extern "C" fn() = super::enter;

#[used]
#[unsafe(link_section = ".CRT$XPY")]
static LEAVE: extern "C" fn() = super::leave;

/// After `ENTER`, by its name.
#[cfg(feature = "std")]
#[used]
#[unsafe(link_section = ".CRT$XCC")]
static PRESENT_STD_AT_LOAD: extern "C" fn() = crate::image_std::present_std;
