//! Forks a crate by rule: there is no recipe for it, and every static and thread-local that is
//! state is shared.
//!
//! # The problem
//!
//! A recipe says of each static whether it is shared, because somebody has thought about it. Of
//! most crates nobody has. Here the rule is mechanical:
//!
//! | declaration | becomes |
//! | --- | --- |
//! | `static` of a type that is not known to be immutable | `tls_keys::process_local!` |
//! | `static mut` | the same, of a cell; each use of it reads and writes through the cell |
//! | `static ref` in `lazy_static!` | a type of that name, whose value is a shared `LazyLock` |
//! | `static` in `std::thread_local!` | `tls_keys::thread_local!` |
//! | `static` of a type that is known to be [immutable](crate::source::types) | stays |
//! | what only [tests](crate::source::test_code) compile | stays |
//! | what cannot be shared (see [`decide`]) | stays, and is named with the reason |
//!
//! # The way
//!
//! A shared static has another type (`ProcessLocal<T>`, which dereferences to `T`), so each place
//! that names it is changed too, to `__tls_slots_get!(NAME)`: that is the `T`, a place of lifetime
//! `'static`, as before. Names are resolved on tokens. Where that leaves a doubt, the use stays as
//! it is: it then compiles through auto-dereferencing, or does not compile. It never means
//! something else.
//!
//! | file | what |
//! | --- | --- |
//! | [`apply`] | a crate's files in, its fork's files out |
//! | [`edits`] | the edits, and what the report says of each declaration |
//! | [`decide`] | what happens to a declaration |
//! | [`constants`] | what constants refer to is not shared |
//! | [`uses`] | every place where an expression names a static |
//! | [`use_edit`] | what becomes of such a place |
//! | [`names`] | which declarations a name may mean |
//! | [`macros`] | the macros that the crate defines |
//! | [`local_key`] | the names of a thread-local's types |
//! | [`root`](crate::source::root) | what the library's root file gets |
//! | [`root_path`] | how generated code names the crate |
//! | [`report`] | what is said about each declaration |
//!
//! What the edits call is in `external_tls.rs.in`, which every such fork gets. Whether state is
//! shared is decided by the feature `shared` of `tls-keys`, as with the recipes that have `keys`.

pub(crate) mod apply;
pub(crate) mod report;

mod constants;
mod decide;
mod edits;
mod local_key;
mod macros;
mod names;
mod root_path;
mod use_edit;
mod uses;

#[cfg(test)]
mod tests;
