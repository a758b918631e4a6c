//! Tells which module an address is in.
//!
//! The problem: every call of a function that the host takes over asks this, wherever the call
//! comes from: from a constructor that runs before the host's own, from inside of an allocator,
//! under the loader's lock. So the list needs no initialisation, and nothing is called while its
//! lock is held, neither an allocator nor the loader.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tls_slots::loader::{read, write};

use crate::alive::libc::types::Span;

/// The modules that the registry has accepted and that are loaded.
///
/// Under this lock no other lock is taken, and no function of another crate is called.
static MODULES: RwLock<Vec<Span>> = RwLock::new(Vec::new());

/// Whether there has ever been a module. Relaxed: a module's code runs after its constructor, which
/// sets this.
pub(super) static HAS_MODULES: AtomicBool = AtomicBool::new(false);

/// The module that an address is in.
pub(super) fn of(address: usize) -> Option<Span> {
    if !HAS_MODULES.load(Ordering::Relaxed) {
        return None;
    }
    let modules = read(&MODULES);
    modules.iter().copied().find(|span| span.contains(address))
}

/// Adds a module, unless it is listed.
///
/// Constructors and destructors of images add and remove modules, and the loader runs these one
/// after the other. But this does not rely on it.
pub(super) fn add(new: Span) {
    HAS_MODULES.store(true, Ordering::Relaxed);
    let mut longer = Vec::new();
    loop {
        let room = {
            let mut modules = write(&MODULES);
            if modules.contains(&new) {
                return;
            }
            if modules.len() == modules.capacity() && longer.capacity() > modules.len() {
                longer.append(&mut modules);
                std::mem::swap(&mut *modules, &mut longer);
            }
            if modules.len() < modules.capacity() {
                modules.push(new);
                return;
            }
            2 * modules.len() + 4
        };
        // Not under the lock, because an allocator may start a thread, which asks this list.
        longer = Vec::with_capacity(room);
    }
}

/// Removes a module.
pub(super) fn remove(old: Span) {
    let mut modules = write(&MODULES);
    modules.retain(|span| *span != old);
}

#[cfg(test)]
mod tests {
    use super::{Span, add, of, remove};

    #[test]
    fn addresses_are_found() {
        // Where no image can be: the last page of the address space.
        let base = usize::MAX - 0xfff;
        let span = |at: usize| Span {
            start: base + at * 16,
            end: base + at * 16 + 8,
        };
        for at in 0..20 {
            add(span(at));
            add(span(at));
        }
        for at in 0..20 {
            assert_eq!(of(base + at * 16), Some(span(at)));
            assert_eq!(of(base + at * 16 + 7), Some(span(at)));
            assert_eq!(of(base + at * 16 + 8), None);
        }
        for at in 0..20 {
            remove(span(at));
            assert_eq!(of(base + at * 16), None);
        }
    }
}
