//! What shared crates do about a module's places in their state when the module is unloaded.
//!
//! The problem, and the crates' half, are described in `unload_hook.rs` of `tls-keys`. Here is the
//! list of the hooks that modules have asked for:
//!
//! | who | does |
//! | --- | --- |
//! | a module's copy of a shared crate | asks, by `tls_slots_on_unload_v1`, when it is about to leave something behind ([`ask`]) |
//! | the registry, in the image's destructor | has everything taken out ([`take_out`]) |
//! | a loader | reads the list: to count what there is, and to know what will be taken out ([`of`], [`all`]) |
//!
//! A hook is a static of the host's copy of the crate, so it is there for good. It is called
//! without a lock. The taking out is here, below any loader, because a program may open and close
//! modules by plain `dlopen` and `dlclose`.
//!
//! Where the system does not tell where an image lies ([`memory`]), nothing can be counted or taken
//! out. There, a module that has asked for something must not be unloaded.

use std::ops::Range;
use std::sync::Mutex;

use crate::image::memory;
use crate::keys::abi::Key;
use crate::keys::host;
use crate::keys::on_unload::{self, OnUnload, Span};
use crate::sync::lock;

/// What a module has asked for.
struct Asked {
    /// What identifies the image, as in the registry.
    image: *const Key,
    /// Invariant: a static of the host.
    hook: &'static OnUnload,
}

// SAFETY: `image` is only compared; the rest is a reference to something `Sync`.
unsafe impl Send for Asked {}

/// Invariant: each pair is here once, and its image is a loaded module that the registry has
/// accepted. No other lock is taken under this one, and nobody's code runs under it.
static ASKED: Mutex<Vec<Asked>> = Mutex::new(Vec::new());

/// Notes a hook for a module. Once is enough; more do no harm.
///
/// # Safety
///
/// `image` must be the id of the image that asks.
pub(crate) unsafe fn ask(image: *const Key, hook: &'static OnUnload) {
    let mut asked = lock(&ASKED);
    let known = |one: &Asked| one.image == image && std::ptr::eq(one.hook, hook);
    if !asked.iter().any(known) {
        asked.push(Asked { image, hook });
    }
}

/// Tells shared crates which addresses are the host's, and so never go. The caller holds no lock.
pub(crate) fn tell_host() {
    if on_unload::host_is_known() {
        return;
    }
    if let Some(memory) = memory::of(host::image().keys_start.cast()) {
        on_unload::set_host(memory.all.start, memory.all.end);
    }
}

/// The hooks that the module in this range has asked for, in that order.
pub fn of(memory: &Range<usize>) -> Vec<&'static OnUnload> {
    let asked = lock(&ASKED);
    let of_image = asked
        .iter()
        .filter(|one| memory.contains(&one.image.addr()));
    of_image.map(|one| one.hook).collect()
}

/// The hooks that any module has asked for.
pub fn all() -> Vec<&'static OnUnload> {
    lock(&ASKED).iter().map(|one| one.hook).collect()
}

/// Has everything taken out that a module has left behind. `image` is the module's id.
///
/// # Safety
///
/// The module must still be mapped. No thread may run its code, except for destructors that run
/// here.
pub(crate) unsafe fn take_out(image: *const Key) {
    // Most modules have asked for nothing.
    if !lock(&ASKED).iter().any(|one| one.image == image) {
        return;
    }
    if let Some(memory) = memory::of(image.cast()) {
        let memory = memory.all;
        for hook in of(&memory) {
            // SAFETY: the caller's promise.
            unsafe { (hook.take_out)(Span::new(memory.start, memory.end)) }
        }
    }
    // Not before: a destructor that ran above may have asked again.
    lock(&ASKED).retain(|one| one.image != image);
}
