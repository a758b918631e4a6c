//! Finds the statics of other modules that point into a module.
//!
//! # The problem
//!
//! A list may run through the statics of several modules. `inventory` has such a list: each module
//! has a node, a static, and links it in when it is loaded. The head is in the host, and points to
//! the newest node. Each node points to the one that came before. The head is in a shared key, so
//! `pointers.rs` sees it. The nodes are in no key.
//!
//! # The way
//!
//! The search looks at each word of the writable memory of all other modules (`.data`, `.bss`), and
//! reports an address in the module that is to go. Modules do not know each other, so there is no
//! other reason for such an address. A word that a shared crate clears by itself when the module
//! goes is left out: the callsites of `tracing` are such a list. The memory of the host is not
//! looked at: the host knows its modules, and it may well keep an address of one that it will never
//! use again.

use std::fmt;
use std::io;
use std::ops::Range;

use tls_keys::host;
use tls_slots::loader;

use super::words::{Copier, is_taken_out};

/// A module whose statics point into another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StaticPointer {
    /// The file of the module that has the static.
    of: String,
    /// Where in the other module the pointer leads, in bytes from the module's lowest address.
    into: usize,
}

impl fmt::Display for StaticPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a static of {} points into the module (offset {:#x}); unload that module first",
            self.of, self.into
        )
    }
}

/// The modules whose statics point into this range of addresses. Each is listed once. Those that
/// lie in `along`, and go too, are left out.
///
/// # Errors
///
/// There is no pipe to be had. Then nothing is known.
pub(crate) fn statics_into(
    range: &Range<usize>,
    along: &[Range<usize>],
) -> io::Result<Vec<StaticPointer>> {
    let mut copier = Copier::new()?;
    let mut found = Vec::new();
    for (address, _) in loader::by_address() {
        let goes = along.iter().any(|range| range.contains(&address.addr()));
        if goes || std::ptr::eq(address, host::image().keys_start.cast()) {
            continue;
        }
        // A module that another thread has closed meanwhile points nowhere.
        let Some(memory) = loader::memory::of(address) else {
            continue;
        };
        let mut words = Vec::new();
        for part in memory.writable {
            let at = address.with_addr(part.start);
            // Unmapped meanwhile, or in part: the same.
            let _ = copier.words(at, part.len(), |at, word| {
                if range.contains(&word) {
                    words.push((at, word));
                }
            });
        }
        // No lock is held here: this calls code of shared crates.
        let stays = |(at, _): &&(usize, usize)| !is_taken_out(std::ptr::without_provenance(*at));
        found.extend(words.iter().find(stays).map(|(_, word)| StaticPointer {
            of: loader::file::of(address).unwrap_or_else(|| "another module".to_owned()),
            into: word - range.start,
        }));
    }
    Ok(found)
}
