//! What shared crates do about a module's places in their state when the module is unloaded.
//!
//! The problem, and the crates' half, are described in `tls-keys`' `on_unload.rs`. Here is the list of what modules have
//! asked for, and who looks at it:
//!
//! | who | does |
//! | --- | --- |
//! | a module's copy of a shared crate | asks, by `tls_slots_on_unload_v1`, when it is about to leave something behind |
//! | a thread that gives up what it has of a module | has it done what would be done later, see [`idle`] |
//! | the registry, in the image's destructor | has it taken out, see [`forget`] |
//! | the loader, and hosts that load by hand | count what there is, see [`left`] |
//! | the scan of shared values | leaves out what will be taken out, see [`is_taken_out`] |
//!
//! A hook is a static of the host's copy of the crate, so it is there for good. It is called without a lock.
//!
//! Where the system does not tell where an image lies ([`image_memory`]) nothing can be counted or taken
//! out. There, a module that has asked for something must not be unloaded.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::keys::abi::Key;
use crate::keys::host;
use crate::keys::on_unload::{self, OnUnload, Span};
use crate::{image_memory, scan};

/// A module's wish.
struct Asked {
    /// What identifies the image, as in the registry.
    image: *const Key,
    /// Invariant: a static of the host.
    hook: &'static OnUnload,
}

// SAFETY: `image` is only compared; the rest is a reference to something `Sync`.
unsafe impl Send for Asked {}

/// Invariant: each pair is here once, and its image is a loaded module that the registry has accepted.
/// A lock that no other is taken under, and no code of anybody runs under it.
static ASKED: Mutex<Vec<Asked>> = Mutex::new(Vec::new());

fn asked() -> MutexGuard<'static, Vec<Asked>> {
    ASKED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// # Safety
///
/// `image` must be the id of the image that calls this, `hook` a static of the host.
#[allow(improper_ctypes_definitions)]
// the host has made the hook, and reads it
// SAFETY: the name is this project's own (see `tls_keys::names`).
#[unsafe(no_mangle)]
unsafe extern "C" fn tls_slots_on_unload_v1(image: *const Key, hook: *const OnUnload) {
    // SAFETY: the caller's promise.
    let hook = unsafe { &*hook };
    let mut asked = asked();
    let known = |one: &Asked| one.image == image && std::ptr::eq(one.hook, hook);
    if !asked.iter().any(known) {
        asked.push(Asked { image, hook });
    }
}

/// Tells shared crates which addresses are the host's, and so never go. To be called without a lock.
pub(crate) fn tell_host() {
    if on_unload::host_is_known() {
        return;
    }
    if let Some(memory) = image_memory::of(host::image().keys_start.cast()) {
        on_unload::set_host(memory.all.start, memory.all.end);
    }
}

/// The hooks that the module in this range has asked for, in that order.
fn hooks_of(memory: &Range<usize>) -> Vec<&'static OnUnload> {
    let asked = asked();
    let of_image = asked
        .iter()
        .filter(|one| memory.contains(&one.image.addr()));
    of_image.map(|one| one.hook).collect()
}

/// Something in shared state that refers to a module, see [`left_behind`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftBehind {
    /// What it is: a noun in the plural with the crate that keeps them, or a sentence about the one value that
    /// points into the module.
    pub what: String,
    /// How much of it there is.
    pub count: usize,
    /// Whether the module must stay because of it. Else it is taken out when the module is unloaded.
    pub refuses: bool,
}

impl fmt::Display for LeftBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => f.write_str(&self.what),
            count => write!(f, "{count} {}", self.what),
        }
    }
}

/// What shared state keeps of the image that contains `address`: what it has registered with crates that have
/// a recipe, and values of shared keys that point into it.
///
/// For hosts that load modules by other means than `Module`, which looks for itself. Empty means that nothing
/// of this kind stands against unloading the image; there are other kinds, such as its tasks and threads.
///
/// # Errors
///
/// Where the system does not tell which image an address is in, or a value cannot be read: then nothing is
/// known.
///
/// # Safety
///
/// The image must stay loaded until this returns.
///
/// # Examples
///
/// ```no_run
/// # fn example(entry: fn()) -> std::io::Result<()> {
/// // SAFETY: the module of `entry` is unloaded further below, if at all.
/// for left in unsafe { tls_slots::left_behind(entry as *const u8)? } {
///     println!("{left}");
/// }
/// # Ok(())
/// # }
/// ```
pub unsafe fn left_behind(address: *const u8) -> io::Result<Vec<LeftBehind>> {
    let memory = image_memory::of(address)
        .ok_or(io::ErrorKind::Unsupported)?
        .all;
    // SAFETY: the caller's promise.
    let registered = unsafe { left(&memory) };
    let pointers = scan::pointers_into(&memory)?;
    let pointers = pointers.into_iter().map(|pointer| LeftBehind {
        what: pointer.to_string(),
        count: 1,
        refuses: true,
    });
    Ok(registered.into_iter().chain(pointers).collect())
}

/// What the module in this range has registered with shared crates, as far as it is not nothing.
///
/// Runs code of the host's shared crates, which take their own locks: not to be called under one of ours.
///
/// # Safety
///
/// The module must stay loaded until this returns.
pub(crate) unsafe fn left(memory: &Range<usize>) -> Vec<LeftBehind> {
    let span = Span::new(memory.start, memory.end);
    let left = hooks_of(memory).into_iter().map(|hook| LeftBehind {
        what: hook.what.to_owned(),
        // The image is loaded, by the caller's promise.
        count: (hook.count)(span),
        refuses: hook.refuses,
    });
    left.filter(|left| left.count != 0).collect()
}

/// Has everything taken out that the module has left behind whose keys begin there.
///
/// # Safety
///
/// The module must still be mapped, and no thread run its code any more, but for destructors that run here.
pub(crate) unsafe fn forget(image: *const Key) {
    // Most modules have asked for nothing.
    if !asked().iter().any(|one| one.image == image) {
        return;
    }
    if let Some(memory) = image_memory::of(image.cast()) {
        let memory = memory.all;
        for hook in hooks_of(&memory) {
            // SAFETY: the caller's promise.
            unsafe { (hook.take_out)(Span::new(memory.start, memory.end)) }
        }
    }
    // Not before: a destructor that ran above may have asked again.
    asked().retain(|one| one.image != image);
}

/// Has shared crates do soon what they would do later, where that may be code of the module in this range.
///
/// Any code may run: not to be called under a lock.
pub(crate) fn idle(memory: &Range<usize>) {
    for hook in hooks_of(memory) {
        (hook.quiescent)();
    }
}

/// Whether a word of a shared static, at this address, is cleared when the module goes that it points to.
pub(crate) fn is_taken_out(word: *const u8) -> bool {
    // Called without the lock.
    let hooks: Vec<&OnUnload> = asked().iter().map(|one| one.hook).collect();
    hooks.iter().any(|hook| (hook.takes_out)(word))
}
