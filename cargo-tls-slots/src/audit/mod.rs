//! Says what state a built host or module has, and what of it is shared.
//!
//! The problem: a `Cargo.toml` tells which crates were asked for, not which statics and
//! thread-locals were linked. A module with one static too many has a logger, a cache or a counter
//! of its own, and nobody is told.
//!
//! The way: everything is read from the symbols of the file, so it holds for what was linked. Only
//! writable memory counts:
//!
//! | a symbol in | is |
//! | --- | --- |
//! | the section of keys | a shared thread-local or static, where the host has the same |
//! | `.data`, `.bss` | a static of this image, or this image's own instance of a key |
//! | `.tdata`, `.tbss` | a thread-local of this image |
//! | `.data.rel.ro`, `.rodata` and the rest | nothing that changes; not looked at |
//!
//! A symbol belongs to the crate that its demangled path starts with. A symbol that is not mangled
//! is C's, and stands under its object file where the file says which.
//!
//! # What the verdicts mean
//!
//! | verdict | an image's own copy | what to do |
//! | --- | --- | --- |
//! | [`Verdict::Harmless`] | is right | nothing |
//! | [`Verdict::Caution`] | works if a rule is kept | read the reason, which says the rule |
//! | [`Verdict::Unknown`] | may work: nobody has looked | look at it, or share it by the cure |
//! | [`Verdict::Breaks`] | does not work | the cure |
//!
//! The state of the crate that the image itself is built from is harmless: no other image has that
//! crate. A key is no copy at all, where the host has the same key.
//!
//! A host and its modules together are a [`Both`]: only what both sides have can disagree.
//!
//! # What an audit does not see
//!
//! - A file without symbols. It is an error, and the error says how to build for an audit.
//! - What a static points to: a `Mutex<Vec<_>>` is as large as the mutex.
//! - State that the program reaches through a C library which it loads, such as libc's own.
//!
//! | file | what it does |
//! | --- | --- |
//! | `read.rs` | the steps: from a file to an [`Audit`] |
//! | `symbols.rs` | the symbols in writable memory |
//! | `names.rs` | from a symbol's name to crate and path |
//! | `packages.rs` | from a crate's name to its package, by paths of sources in the file |
//! | `recipes.rs` | what the recipes say of the state of their crates |
//! | `known.rs` | what is known about other crates: the table `audit/known.toml` |
//! | `classify.rs` | from symbols to crates with a verdict for each state |
//! | `both.rs` | what a host and its modules both have, and do not share |
//! | `render.rs`, `json.rs` | the result as text and as JSON |
//! | `state.rs`, `verdict.rs`, `error.rs` | what comes out |

mod both;
mod classify;
mod error;
mod json;
mod known;
mod names;
mod packages;
mod read;
mod recipes;
mod render;
mod state;
mod symbols;
mod verdict;

pub use both::Both;
pub use error::Error;
pub use read::audit;
pub use state::{Audit, CrateState, Kind, State};
pub use verdict::Verdict;
