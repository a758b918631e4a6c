//! What crates without a recipe may keep of a module.
//!
//! # The problem
//!
//! `prometheus`, for example, has a registry of collectors, and a collector is a boxed value with a
//! vtable of whoever made it. If the crate is forked by rule, its registry is shared, and a
//! module's collector stays in it when the module goes. The search for pointers (`pointers.rs`)
//! does not see it, because it is on the heap, behind a lock, in a map. With a recipe somebody
//! would have thought about it, and have written an unload hook. By rule nobody has.
//!
//! # The way
//!
//! What cannot be seen is assumed. A module stays loaded if
//!
//! - it shares state of such a crate with the host,
//! - the type of the state can hold a pointer (`plain.rs` of `tls-keys`), and
//! - code of the module has *used* the state: the key itself has noted that.
//!
//! So a module that only links the crate can go, and one that only counts in the crate's atomics.
//! Whether it has given the state something, taken it back, or just read, nobody can tell. Whoever
//! knows says so by `LoadOptions::trust`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use tls_keys::abi::Kind;
use tls_slots::loader;

/// A crate that may keep something of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MayKeep {
    /// The package.
    pub(crate) package: String,
    version: String,
    /// The statics and thread-locals of it that the module has used.
    names: BTreeSet<String>,
}

impl fmt::Display for MayKeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names.iter().map(|name| format!("`{name}`")).collect();
        let package = &self.package;
        write!(
            f,
            "`{package}` {} may keep something of this module, which has used its {}: no recipe \
             tells what is in there; take back what the module has given, and say \
             `LoadOptions::trust({package:?})`",
            self.version,
            names.join(", ")
        )
    }
}

/// The crates that may keep something of the module in this range.
///
/// # Safety
///
/// The module must stay loaded until this returns.
pub(crate) unsafe fn may_keep(memory: &Range<usize>) -> Vec<MayKeep> {
    let mut modules = loader::accepted_modules().into_iter();
    let Some(module) = modules.find(|module| memory.contains(&module.start.addr())) else {
        return Vec::new();
    };
    // SAFETY: the bounds of a section of keys, and the module is loaded by the caller's promise.
    let used = unsafe { loader::keys(module.start, module.end) }.filter(|key| key.is_used());
    let mut private = None;
    let mut found = BTreeMap::<(String, String), BTreeSet<String>>::new();
    for key in used {
        let is_shared = match key.kind() {
            Kind::Process => !std::ptr::eq(key.address(), key.own()),
            Kind::ThreadLocal => {
                // SAFETY: its image is loaded.
                let index = unsafe { loader::index_of(key) };
                let private =
                    private.get_or_insert_with(|| loader::private_thread_locals(module.start));
                index.is_none_or(|index| !private.contains(&index))
            }
        };
        if is_shared {
            let declared = key.declared();
            // SAFETY: texts of an image that is loaded.
            let [package, version, name] = [declared.package, declared.version, declared.name]
                .map(|text| unsafe { text.as_str() }.to_owned());
            found.entry((package, version)).or_default().insert(name);
        }
    }
    let found = found.into_iter();
    found
        .map(|((package, version), names)| MayKeep {
            package,
            version,
            names,
        })
        .collect()
}
