//! Tells which module an address is in.
//!
//! The problem: every call of a function that the host takes over asks this, wherever the call
//! comes from: from a constructor that runs before the host's own, from inside of an allocator,
//! under the loader's lock. So the list needs no initialisation, and nothing is called while its
//! lock is held, neither an allocator nor the loader.
//!
//! An address may also be in a library. Some libraries are there as long as the host is, and others
//! may go with a module (`alive/linked.rs`). The loader is asked about the latter, after all else.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tls_slots::loader::{read, write};

use crate::alive::libc::types::Span;
use crate::alive::linked;

/// The kinds of images that an address can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A module that the registry has accepted.
    Module(Span),
    /// A library that may be unmapped some day.
    Library(Span),
    /// The program.
    Host,
    /// A library that stays as long as the program, or no image.
    Permanent,
}

/// Which kind of image an address is in.
///
/// This asks the loader if the address is in no image that is known. It allocates nothing.
pub(super) fn origin(address: usize) -> Origin {
    if let Some(module) = of(address) {
        return Origin::Module(module);
    }
    let permanent = linked::permanent();
    let known = permanent
        .iter()
        .position(|image| image.memory.contains(&address));
    match known {
        Some(0) => return Origin::Host,
        Some(_) => return Origin::Permanent,
        // This program has not begun, so all that runs is permanent.
        None if permanent.is_empty() => return Origin::Permanent,
        None => {}
    }
    match linked::memory_of(address) {
        Some(memory) => Origin::Library(Span::from(&memory)),
        None => Origin::Permanent,
    }
}

/// The image that an address is in, if the image may be unmapped some day.
pub(super) fn of_transient(address: usize) -> Option<Span> {
    match origin(address) {
        Origin::Module(span) | Origin::Library(span) => Some(span),
        Origin::Host | Origin::Permanent => None,
    }
}

/// The modules that the registry has accepted and that are loaded.
///
/// Under this lock no other lock is taken, and no function of another crate is called.
static MODULES: RwLock<Vec<Module>> = RwLock::new(Vec::new());

/// A module.
#[derive(Clone, Copy)]
struct Module {
    span: Span,
    /// The module whose code has opened it, if a module did that.
    opener: Option<Span>,
}

/// Whether there has ever been a module. Relaxed: a module's code runs after its constructor, which
/// sets this.
pub(super) static HAS_MODULES: AtomicBool = AtomicBool::new(false);

/// The module that an address is in.
pub(super) fn of(address: usize) -> Option<Span> {
    if !has_modules() {
        return None;
    }
    let modules = read(&MODULES);
    let mut spans = modules.iter().map(|module| module.span);
    spans.find(|span| span.contains(address))
}

/// Whether there has ever been a module.
pub(super) fn has_modules() -> bool {
    HAS_MODULES.load(Ordering::Relaxed)
}

/// Whether an image is a module that is loaded.
pub(super) fn is_module(span: Span) -> bool {
    read(&MODULES).iter().any(|module| module.span == span)
}

/// The modules that a module has opened, and that are loaded.
pub(super) fn opened_by(opener: Span) -> Vec<Span> {
    let mut opened = Vec::new();
    // Not collected under the lock, because an allocator may start a thread, which asks this list.
    while let Some(next) = {
        let modules = read(&MODULES);
        let mut of_opener = modules.iter().filter(|it| it.opener == Some(opener));
        of_opener.nth(opened.len()).map(|module| module.span)
    } {
        opened.push(next);
    }
    opened
}

/// Adds a module, unless it is listed. `opener` is the module that has opened it, if one did.
///
/// Constructors and destructors of images add and remove modules, and the loader runs these one
/// after the other. But this does not rely on it.
pub(super) fn add(span: Span, opener: Option<Span>) {
    HAS_MODULES.store(true, Ordering::Relaxed);
    let mut longer = Vec::new();
    loop {
        let room = {
            let mut modules = write(&MODULES);
            if modules.iter().any(|module| module.span == span) {
                return;
            }
            if modules.len() == modules.capacity() && longer.capacity() > modules.len() {
                longer.append(&mut modules);
                std::mem::swap(&mut *modules, &mut longer);
            }
            if modules.len() < modules.capacity() {
                modules.push(Module { span, opener });
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
    modules.retain(|module| module.span != old);
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
            add(span(at), None);
            add(span(at), None);
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
