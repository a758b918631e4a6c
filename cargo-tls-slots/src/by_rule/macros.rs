//! The macros that a crate defines.
//!
//! ```text
//! macro_rules! counter { () => { static CALLS: AtomicUsize = AtomicUsize::new(0); } }
//! counter!();                      // called here: CALLS is state of this crate
//!
//! #[macro_export]
//! macro_rules! mine { () => { static MINE: AtomicUsize = AtomicUsize::new(0); } }
//!                                  // not called here: MINE is state of those who call it
//! items! { static INNER: AtomicUsize = AtomicUsize::new(3); }
//!                                  // can be wrapped if `items!` takes items
//! ```
//!
//! A static in a macro's definition is declared wherever the macro is called. If only other crates
//! call the macro, the state is theirs. And a static in a macro's *arguments* can be wrapped only
//! if the macro takes what the wrapped declaration is: an item, or any tokens.

use std::collections::BTreeMap;

use crate::source::library::{File, Library};
use crate::source::place;
use crate::source::tokens::{Kind, Source};

/// The macros of a crate, by name. Two of one name are one entry, with what either is.
pub(super) struct Macros<'a>(BTreeMap<&'a str, Macro>);

/// A macro that the crate defines.
#[derive(Debug, Default)]
pub(super) struct Macro {
    /// Whether it has `#[macro_export]`.
    exported: bool,
    /// Whether code of the crate itself calls it.
    called: bool,
    /// Whether a rule of it takes items or any tokens, so that it can hand a declaration on.
    pub(super) takes_items: bool,
}

impl Macro {
    /// Whether only other crates call it.
    pub(super) fn is_for_others(&self) -> bool {
        self.exported && !self.called
    }
}

impl<'a> Macros<'a> {
    /// Reads the definitions in all files, then the calls.
    pub(super) fn read(library: &Library<'a>) -> Self {
        let mut this = Macros(BTreeMap::new());
        for file in library.files {
            this.collect_definitions(&file.source);
        }
        for file in library.files {
            this.collect_calls(library, file);
        }
        this
    }

    /// The macro that a path ends with, if the crate defines it.
    pub(super) fn at(&self, path: &str) -> Option<&Macro> {
        self.0.get(last(path))
    }

    /// Notes the definitions of a file.
    ///
    /// Whether a macro hands items on is read off the fragments that its rules take: `$x:item` and
    /// `$x:tt` take what a wrapped declaration is, `$x:expr` does not.
    fn collect_definitions(&mut self, source: &'a Source<'a>) {
        for open in 0..source.tokens.len() {
            if source.tokens[open].kind != Kind::Open {
                continue;
            }
            let Some(name) = source.macro_definition(open) else {
                continue;
            };
            let start = place::start_of_item(source, open - 3);
            let body = open..source.tokens[open].pair;
            // `$name:kind`
            let takes = |kind: &str| {
                body.clone().any(|at| {
                    source.is_ident(at, kind)
                        && source.before(at, 1) == ":"
                        && source.before(at, 3) == "$"
                })
            };
            let entry = self.0.entry(name).or_default();
            entry.exported |= (start..open).any(|at| source.is_ident(at, "macro_export"));
            entry.takes_items |= takes("item") || takes("tt");
        }
    }

    /// Notes the calls of a file, but for those in tests and in the definitions of exported macros.
    fn collect_calls(&mut self, library: &Library<'a>, file: &'a File<'a>) {
        let source = &file.source;
        for open in 0..source.tokens.len() {
            if source.tokens[open].kind != Kind::Open {
                continue;
            }
            let Some(path) = source.macro_call(open) else {
                continue;
            };
            let inside_exported = source
                .ancestors(open)
                .filter_map(|outer| source.macro_definition(outer))
                .any(|name| self.0.get(name).is_some_and(|one| one.exported));
            if inside_exported || library.is_test_only(file, open) {
                continue;
            }
            if let Some(one) = self.0.get_mut(last(&path)) {
                one.called = true;
            }
        }
    }
}

/// The last segment of a path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or_default()
}
