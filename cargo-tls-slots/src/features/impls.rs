//! Where an `impl` changes what is there without it.
//!
//! An `impl` needs no attribute of its own: one in a Rust module is there in the builds that have
//! the module. The type may be there in more builds. What matters then:
//!
//! | `impl` | changes |
//! | --- | --- |
//! | of `Drop`, `Copy`, `Clone`, … | what happens to values, wherever the type is there |
//! | of another trait | nothing |
//! | without a trait | what the names of its methods mean, where [another](super::names) has one |

use super::adds::Adds;
use super::condition::Condition;
use super::gates::Gates;
use super::items::{Scope, last_name, scope};
use crate::source::library::{File, Library};
use crate::source::tokens::Source;

/// Traits whose `impl` changes what happens to values that are there in any case.
///
/// `Drop`: the side without it would leave undone what the other side counts on. `Copy`: a value
/// that was moved is then used twice. `Clone`: without it, `(&value).clone()` copies the reference.
/// The unsizing traits decide how a pointer is made.
const OF_VALUES: [&str; 6] = [
    "Clone",
    "CoerceUnsized",
    "Copy",
    "DispatchFromDyn",
    "Drop",
    "PinnedDrop",
];

/// Looks at each `impl` of a library.
pub(super) struct Impls<'a> {
    pub(super) library: &'a Library<'a>,
    pub(super) gates: &'a Gates<'a>,
    pub(super) adds: Adds<'a>,
}

impl Impls<'_> {
    /// Where the `impl` at `at` must be there in both of two builds, or in none: lists of
    /// conditions of which all hold there. Most have no such place.
    ///
    /// A type that a feature adds may have its `Drop`. A type that is there without the feature
    /// must not get one: then a value made in one image is dropped in another way in the other.
    pub(super) fn changes(&self, file_at: usize, at: usize) -> Vec<Vec<Condition>> {
        let source = &self.library.files[file_at].source;
        let parent = source.tokens[at].parent;
        let own = |index: &usize| source.tokens[*index].parent == parent;
        let Some(open) = (at..source.tokens.len())
            .filter(own)
            .find(|index| matches!(source.at(*index), "{" | ";" | ")" | ","))
        else {
            return Vec::new();
        };
        let Some(of) = (at..open)
            .filter(own)
            .find(|index| source.is_ident(*index, "for"))
        else {
            return self.methods(file_at, open);
        };
        let is_of_values =
            last_name(source, at + 1, of).is_some_and(|name| OF_VALUES.contains(&name.as_str()));
        if !is_of_values {
            return Vec::new();
        }
        let name = last_name(source, of + 1, open).unwrap_or_default();
        vec![self.where_type_is(file_at, &name)]
    }

    /// The same for an `impl` without a trait, whose braces open there: no method of it must go
    /// before another one.
    fn methods(&self, file_at: usize, open: usize) -> Vec<Vec<Condition>> {
        let source = &self.library.files[file_at].source;
        let Scope::Type(name) = scope(self.gates, source, Some(open)) else {
            return Vec::new();
        };
        let under = self.where_type_is(file_at, &name);
        let Some(others) = self.adds.methods(file_at, open) else {
            return vec![under];
        };
        let with = |(at, index): (usize, usize)| {
            let of_other = self.gates.of(&self.library.files[at], index);
            [&under[..], &of_other].concat()
        };
        others.into_iter().map(with).collect()
    }

    /// What holds where a type of that name is there: the one of the same file, or else any.
    fn where_type_is(&self, file_at: usize, name: &str) -> Vec<Condition> {
        let of_file = |file: &File<'_>| -> Vec<Condition> {
            let types = types_of(&file.source, name);
            let each = types.map(|index| Condition::All(self.gates.of(file, index)));
            each.collect()
        };
        let files = &self.library.files;
        let types = match of_file(&files[file_at]) {
            here if here.is_empty() => files.iter().flat_map(of_file).collect(),
            here => here,
        };
        match types.is_empty() {
            true => Vec::new(),
            false => vec![Condition::Any(types)],
        }
    }
}

/// Where the types of a name are defined.
fn types_of<'s>(source: &'s Source<'_>, name: &'s str) -> impl Iterator<Item = usize> + 's {
    (0..source.tokens.len()).filter(move |index| {
        source.at(index + 1) == name && ["struct", "enum", "union"].contains(&source.at(*index))
    })
}
