//! Which addresses are a module's.
//!
//! This is asked by each call that is interposed, wherever it comes from: by constructors that run before the
//! host's own, from inside of an allocator, under the loader's lock. So the list is a constant to
//! start with, and nothing is called while its lock is held: no allocator, no loader.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::RwLock;

use tls_slots::loader::{read, write};

use crate::alive::libc::types::Span;

/// The modules that the registry has accepted and that are loaded. A lock that no other is taken under, nor
/// any function of another crate called.
static MODULES: RwLock<Vec<Span>> = RwLock::new(Vec::new());

/// Whether there has been a module. Relaxed: a module's code runs after its constructor, in which this is set.
pub(super) static ANY: AtomicBool = AtomicBool::new(false);

/// The module that an address is in.
pub(super) fn of(address: usize) -> Option<Span> {
    if !ANY.load(Ordering::Relaxed) {
        return None;
    }
    let modules = read(&MODULES);
    modules.iter().copied().find(|span| span.contains(address))
}

/// Adds a module, unless it is listed. Modules are added and removed by constructors and destructors of
/// images, which the loader runs one after the other; were it otherwise, none would be lost either.
pub(super) fn add(new: Span) {
    ANY.store(true, Ordering::Relaxed);
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
        // Not under the lock: an allocator may start a thread.
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
