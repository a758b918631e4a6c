//! What an item that only some builds have may take the place of.
//!
//! An item is judged by its kind, and by [the names](super::names) that it brings:
//!
//! | item | may be added |
//! | --- | --- |
//! | function, type, trait, constant, Rust module, `use` | if its name takes no other's place |
//! | the same in an `impl` of a type | if no method of the type, or of a trait, has its name |
//! | `impl` of a type | if that holds for all that is in it |
//! | `impl` of a trait | yes; [`Drop` and the like](super::impls) are looked at by themselves |
//! | Rust module with an `impl` of a type | likewise: each `impl` is looked at by itself |
//! | what stands in the call of a [wrapper](super::gates) | if that holds for each of its items |
//! | the call of another macro | no: nobody knows what it declares. `pin_project!` is known |
//! | a field, a variant, a statement, an item of a trait | no: these are no items of their own |
//!
//! The answer is a list of declarations. Where one of these is in a build without the feature, the
//! item must be there as well, or in no build.

use super::gates::Gates;
use super::items::{Item, Scope, Space, item, scope};
use super::names::{At, Names, Others, associated, items};
use crate::source::library::Library;

/// The declarations that added items may take the place of. `None`: nothing may be added.
pub(super) type Added = Option<Vec<At>>;

/// Judges added items. Files are meant by their index in the library.
///
/// What an item may take the place of does not depend on the feature, so each item is judged once
/// for all features that decide about it.
#[derive(Clone, Copy)]
pub(super) struct Adds<'a> {
    pub(super) library: &'a Library<'a>,
    pub(super) gates: &'a Gates<'a>,
    pub(super) names: &'a Names,
}

impl Adds<'_> {
    /// What the items in a wrapper's arguments may take the place of.
    pub(super) fn all_items(&self, file_at: usize, open: usize, place: &Scope) -> Added {
        let source = &self.library.files[file_at].source;
        let mut others = Vec::new();
        for one in items(source, Some(open)) {
            others.extend(self.one_item(file_at, &one?, place)?);
        }
        Some(others)
    }

    /// What the item at `start`, behind the attribute at `at`, may take the place of.
    pub(super) fn item_behind(&self, file_at: usize, at: usize, start: usize) -> Added {
        let source = &self.library.files[file_at].source;
        let place = scope(self.gates, source, source.tokens[at].parent);
        if place == Scope::Other {
            return None;
        }
        self.one_item(file_at, &item(source, start)?, &place)
    }

    /// What names may take the place of.
    fn named<'n>(
        &self,
        file_at: usize,
        place: &Scope,
        names: impl Iterator<Item = (Space, &'n str, usize)>,
    ) -> Added {
        let file = &self.library.files[file_at];
        let mut all = Vec::new();
        for (space, name, index) in names {
            match self
                .names
                .others(file, (file_at, index), place, (space, name))
            {
                Others::These(others) => all.extend(others),
                Others::Always => return None,
            }
        }
        Some(all)
    }

    /// What an item may take the place of.
    fn one_item(&self, file_at: usize, one: &Item, place: &Scope) -> Added {
        let source = &self.library.files[file_at].source;
        let names = one
            .names
            .iter()
            .map(|(space, name)| (*space, &**name, one.index));
        let own = self.named(file_at, place, names)?;
        let inside = match (one.keyword, place) {
            ("!", _) if self.gates.wrapper(source, one.index).is_some() => {
                self.all_items(file_at, one.index, place)?
            }
            ("!", Scope::Module(_)) => self.known_call(file_at, one.index, place)?,
            ("fn" | "const" | "type", Scope::Type(_)) => Vec::new(),
            ("impl", Scope::Module(_)) => {
                let open = source.tokens[one.range.end - 1].pair;
                self.methods(file_at, open)?
            }
            (_, Scope::Module(_)) => Vec::new(),
            _ => return None,
        };
        Some([own, inside].concat())
    }

    /// What the methods may take the place of that stand in the braces of an `impl`. Those of a
    /// trait are not looked at here: [`impls`](super::impls) does that.
    pub(super) fn methods(&self, file_at: usize, open: usize) -> Added {
        let source = &self.library.files[file_at].source;
        match scope(self.gates, source, Some(open)) {
            own @ Scope::Type(_) => {
                let names = associated(self.gates, source, open);
                let names = names.iter();
                let names = names.map(|(name, at)| (Space::Values, &**name, *at));
                self.named(file_at, &own, names)
            }
            _ => Some(Vec::new()),
        }
    }

    /// What a call of a macro that is no wrapper may take the place of: it must be known what the
    /// macro declares.
    ///
    /// A macro of the crate itself is not looked into: its body may name what its arguments do not
    /// show, and may declare a static.
    fn known_call(&self, file_at: usize, open: usize, place: &Scope) -> Added {
        let source = &self.library.files[file_at].source;
        let path = source.macro_call(open).unwrap_or_default();
        let mut others = Vec::new();
        match path.rsplit("::").next() {
            // Declares the type that stands in it, and traits for it.
            Some("pin_project") => {
                for one in items(source, Some(open)) {
                    let one = one?;
                    if !["struct", "enum", "impl"].contains(&one.keyword) {
                        return None;
                    }
                    others.extend(self.one_item(file_at, &one, place)?);
                }
                Some(others)
            }
            _ => None,
        }
    }
}
