//! Modules whose std the host has taken care of: thread ids, panics.
//!
//! The problem, and the module's half, are described in `tls-keys`' `image_std.rs`. Here is the list of
//! these modules, and who asks for it:
//!
//! | who | asks |
//! | --- | --- |
//! | a module's second constructor | to be adopted (`tls_slots_present_std_v1`) |
//! | whoever has caught a panic | whose it is (`tls_slots_owner_v1`) |
//! | the panic hook | which file it is from |
//! | the registry | to forget a module that is unloaded |

use std::ops::Range;
use std::sync::{OnceLock, PoisonError, RwLock};

use crate::keys::abi::{Exception, Image, Key, Std, Take};
use crate::keys::host;
use crate::{hook, image_file, image_memory, registry, thread_ids};

/// A module whose std is known.
struct Adopted {
    /// What identifies the image, as in the registry.
    start: *const Key,
    /// Where it lies in memory. Invariant: it is loaded while this is listed.
    memory: Range<usize>,
    take: Take,
    leave: extern "C" fn(),
    file: Option<String>,
    first_thread_id: Option<u64>,
}

// SAFETY: `start` is only compared.
unsafe impl Send for Adopted {}
// SAFETY: as above.
unsafe impl Sync for Adopted {}

/// Lock order: after the registry's. Nobody's code runs under it.
static ADOPTED: RwLock<Vec<Adopted>> = RwLock::new(Vec::new());

/// Runs a function with an entry of the list, if there is one.
fn with<R>(
    wanted: impl Fn(&Adopted) -> bool,
    function: impl FnOnce(&Adopted) -> Option<R>,
) -> Option<R> {
    let adopted = ADOPTED.read().unwrap_or_else(PoisonError::into_inner);
    adopted.iter().find(|one| wanted(one)).and_then(function)
}

/// The file of an adopted module.
pub(crate) fn file(start: *const Key) -> Option<String> {
    with(|one| one.start == start, |one| one.file.clone())
}

/// The first of an adopted module's thread ids, where they are known not to be another image's.
pub(crate) fn first_thread_id(start: *const Key) -> Option<u64> {
    with(|one| one.start == start, |one| one.first_thread_id)
}

/// Forgets a module that is being unloaded, and has its std give back what it has. Its range of thread ids is not given to another.
pub(crate) fn forget(image: &Image) {
    if registry::is_exiting() {
        return;
    }
    let gone = {
        let mut adopted = ADOPTED.write().unwrap_or_else(PoisonError::into_inner);
        let at = adopted.iter().position(|one| one.start == image.keys_start);
        at.map(|at| adopted.swap_remove(at))
    };
    if let Some(gone) = gone {
        // The module's code, so not under the lock.
        (gone.leave)();
    }
}

/// Where the host lies in memory.
fn host_memory() -> Option<&'static Range<usize>> {
    static HOST: OnceLock<Option<Range<usize>>> = OnceLock::new();
    HOST.get_or_init(|| {
        let memory = image_memory::of(host::image().keys_start.cast());
        memory.map(|memory| memory.all)
    })
    .as_ref()
}

/// Gives a `Report` if the image is an accepted module, else null: the host's own std stays as it is,
/// and of a refused module nothing is known.
///
/// # Safety
///
/// Both must be those of the image whose constructor calls this.
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_present_std_v1(image: *const Image, std: *const Std) -> *const () {
    // SAFETY: the caller's promise. The registry has compared the compilers before `std` is read.
    let start = unsafe { (*image).keys_start };
    if !registry::is_accepted_module(start) {
        return std::ptr::null();
    }
    // SAFETY: as above.
    let std = unsafe { &*std };
    if first_thread_id(start).is_some() {
        return hook::REPORT as *const ();
    }
    let memory = image_memory::of(start.cast());
    // SAFETY: this runs in a constructor of that image, before its other code.
    let first_thread_id = unsafe { thread_ids::give(std, memory.as_ref()) };
    let adopted = Adopted {
        start,
        memory: memory.map_or(0..0, |memory| memory.all),
        take: std.take,
        leave: std.leave,
        file: image_file::of(start.cast()),
        first_thread_id,
    };
    let mut list = ADOPTED.write().unwrap_or_else(PoisonError::into_inner);
    list.retain(|one| one.start != start);
    list.push(adopted);
    hook::REPORT as *const ()
}

/// The function that takes an exception, by the image that its clean-up function is in.
///
/// # Safety
///
/// The exception must be live.
#[allow(improper_ctypes_definitions)] // see `Take`
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_owner_v1(exception: *const Exception) -> Option<Take> {
    // SAFETY: the caller's promise.
    let cleanup = unsafe { (*exception).cleanup }? as usize;
    if host_memory().is_some_and(|memory| memory.contains(&cleanup)) {
        return Some(host::take);
    }
    with(|one| one.memory.contains(&cleanup), |one| Some(one.take))
}
