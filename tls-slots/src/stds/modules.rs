//! The list of modules that have presented their std.
//!
//! The problem, and the module's half, are described in `image_std/present.rs` of `tls-keys`. Who
//! asks this list:
//!
//! | who | asks |
//! | --- | --- |
//! | a module's second constructor | to be listed ([`present`]) |
//! | whoever has caught a panic | which image raised it ([`owner`]) |
//! | the panic hook | which file the panic is from ([`file`]) |
//! | the destructor of a module's image | to be forgotten ([`forget`]) |
//! | `exit` | that all write what is in the buffer of their standard output ([`flush`]) |

use std::ops::Range;
use std::sync::{Once, OnceLock, RwLock};

use super::thread_ids;
use crate::image::{self, memory};
use crate::keys::abi::{Exception, Image, Key, Std, Take};
use crate::keys::{host, image_std, panic};
use crate::registry::images::{is_accepted_module, is_exiting};
use crate::sync::{read, write};

/// A module that has presented its std.
struct Presented {
    /// The address that identifies the image, as in the registry.
    start: usize,
    /// Where it lies in memory. Invariant: it is loaded while this is listed.
    memory: Range<usize>,
    std: Std,
    file: Option<String>,
    first_thread_id: Option<u64>,
}

/// Lock order: after the registry's. Nobody's code runs under this lock.
static PRESENTED: RwLock<Vec<Presented>> = RwLock::new(Vec::new());

/// Runs a function with an entry of the list, if there is one.
fn with<R>(
    wanted: impl Fn(&Presented) -> bool,
    function: impl FnOnce(&Presented) -> Option<R>,
) -> Option<R> {
    let presented = read(&PRESENTED);
    presented.iter().find(|one| wanted(one)).and_then(function)
}

/// The file of a module on the list.
pub(crate) fn file(start: *const Key) -> Option<String> {
    with(|one| one.start == start.addr(), |one| one.file.clone())
}

/// The first thread id of a module on the list, if no other image has that module's ids.
pub(crate) fn first_thread_id(start: *const Key) -> Option<u64> {
    with(|one| one.start == start.addr(), |one| one.first_thread_id)
}

/// Forgets a module that is being unloaded, and has its std give back what the host has set up. The
/// module's range of thread ids is not used again.
pub(crate) fn forget(image: &Image) {
    if is_exiting() {
        return;
    }
    let start = image.keys_start.addr();
    let gone = write(&PRESENTED)
        .extract_if(.., |one| one.start == start)
        .next();
    if let Some(gone) = gone {
        // The module's code, so not under the lock.
        (gone.std.leave)();
    }
}

/// Where the host lies in memory.
fn host_memory() -> Option<&'static Range<usize>> {
    static HOST: OnceLock<Option<Range<usize>>> = OnceLock::new();
    HOST.get_or_init(|| Some(memory::of(host::image().keys_start.cast())?.all))
        .as_ref()
}

/// Takes note of the std of an accepted module, and gives the module its range of thread ids. False
/// for other images: the host's own std stays as it is, and of a refused module nothing is known.
///
/// # Safety
///
/// Both must be those of the image whose constructor calls this.
pub(crate) unsafe fn present(image: &Image, std: *const Std) -> bool {
    let start = image.keys_start;
    if !is_accepted_module(start) {
        return false;
    }
    // SAFETY: the caller's promise. The registry has compared the compilers before `std` is read.
    let std = unsafe { &*std };
    if first_thread_id(start).is_some() {
        return true;
    }
    let memory = memory::of(start.cast());
    // SAFETY: this runs in a constructor of that image, before its other code.
    let first_thread_id = unsafe { thread_ids::give(std, memory.as_ref()) };
    let presented = Presented {
        start: start.addr(),
        memory: memory.map_or(0..0, |memory| memory.all),
        std: *std,
        file: image::file::of(start.cast()),
        first_thread_id,
    };
    AT_EXIT.call_once(|| crate::exit::at_process_exit(flush));
    let mut list = write(&PRESENTED);
    list.retain(|one| one.start != start.addr());
    list.push(presented);
    true
}

/// Registers [`flush`] when the first module has come.
static AT_EXIT: Once = Once::new();

/// The process exits, from whatever image: writes what is in the buffers of all images' standard
/// output. std does that for one image only.
extern "C" fn flush() {
    // The modules' code, so not under the lock. They stay loaded while the process exits.
    let modules: Vec<Std> = read(&PRESENTED).iter().map(|one| one.std).collect();
    modules.iter().for_each(|std| (std.flush)());
    image_std::flush();
}

/// The function that takes an exception, by the image that its clean-up function is in. `None`
/// where no image on the list, nor the host, has raised it.
///
/// # Safety
///
/// The exception must be live.
pub(crate) unsafe fn owner(exception: *const Exception) -> Option<Take> {
    // SAFETY: the caller's promise.
    let cleanup = unsafe { (*exception).cleanup }? as usize;
    if host_memory().is_some_and(|memory| memory.contains(&cleanup)) {
        return Some(panic::take);
    }
    with(
        |one| one.memory.contains(&cleanup),
        |one| Some(one.std.take),
    )
}
