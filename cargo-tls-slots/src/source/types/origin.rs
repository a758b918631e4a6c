//! Where a name in a type comes from: from the crate itself, or from elsewhere.
//!
//! # The problem
//!
//! A crate may have a type of its own with the name of another one, and may wrap that other one in
//! it: `struct Cell(std::cell::Cell<u8>)`. Taken for one type, it would hold nothing but itself.
//!
//! # The way
//!
//! | in the source | the name is |
//! | --- | --- |
//! | `crate::a::Foo`, `self::Foo`, `super::Foo` | the crate's |
//! | `a::Foo`, where the crate has a `mod a` | the crate's |
//! | `std::a::Foo`, `other::Foo` | from elsewhere |
//! | `Foo`, where the file has `use other::Foo;` | from elsewhere |
//! | `Foo`, defined in another file, where the file has `use other::*;` | from elsewhere |
//! | `Foo` | the crate's, if it has one of that name |

use std::collections::{BTreeMap, BTreeSet};

use crate::source::place;
use crate::source::tokens::{Kind, Source};

/// What the files of a crate import, and which Rust modules they have.
#[derive(Default)]
pub(super) struct Origins<'a> {
    modules: BTreeSet<&'a str>,
    /// By file: for each imported name the first segment of its path.
    imports: BTreeMap<FileId, BTreeMap<&'a str, &'a str>>,
    /// By file: the first segments of the paths that it imports all of.
    globs: BTreeMap<FileId, BTreeSet<&'a str>>,
}

/// A file, by the address of its text.
type FileId = usize;

fn id(source: &Source<'_>) -> FileId {
    source.text.as_ptr().addr()
}

impl<'a> Origins<'a> {
    /// Remembers the `use` and `mod` items of a file.
    pub(super) fn collect(&mut self, source: &Source<'a>) {
        for at in 0..source.tokens.len() {
            if source.is_ident(at, "mod") && matches!(source.at(at + 2), ";" | "{") {
                self.modules.insert(source.at(at + 1));
            }
        }
        for item in place::uses(source) {
            for at in item.clone().skip(1) {
                let Some(first) = first_segment(source, item.start, at) else {
                    continue;
                };
                let is_leaf = matches!(source.at(at + 1), "" | "," | "}" | ";");
                match source.tokens[at].kind {
                    // `self` is no name of a type.
                    Kind::Ident if is_leaf && source.at(at) != "self" => {
                        let file = self.imports.entry(id(source)).or_default();
                        file.insert(source.at(at), first);
                    }
                    Kind::Punct if source.at(at) == "*" => {
                        self.globs.entry(id(source)).or_default().insert(first);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Whether the name at `at` may be that of a type of the crate, of which `is_here` says whether
    /// the file itself defines it.
    pub(super) fn is_of_crate(&self, source: &Source<'_>, at: usize, is_here: bool) -> bool {
        let mut first = at;
        while follows_colons(source, first) {
            // `::other::Foo`, `<T as Trait>::Foo`
            match first.checked_sub(3) {
                Some(before) if source.tokens[before].kind == Kind::Ident => first = before,
                _ => return false,
            }
        }
        let segment = source.at(first);
        let imports = self.imports.get(&id(source));
        let imported = imports.and_then(|imports| imports.get(segment));
        if let Some(from) = imported {
            return self.is_own(from);
        }
        if first != at {
            return self.is_own(segment);
        }
        let mut globs = self.globs.get(&id(source)).into_iter().flatten();
        is_here || globs.all(|from| self.is_own(from))
    }

    /// Whether a path that begins with this segment leads into the crate.
    fn is_own(&self, segment: &str) -> bool {
        matches!(segment, "crate" | "self" | "super" | "Self") || self.modules.contains(segment)
    }
}

/// The first segment of the path that ends at the token `at` of a `use` item.
fn first_segment<'a>(source: &Source<'a>, keyword: usize, at: usize) -> Option<&'a str> {
    let mut at = at;
    loop {
        // In a group, the path goes on before the brace.
        let before = if follows_colons(source, at) {
            at.checked_sub(3)
        } else if source.before(at, 1) == "as" {
            at.checked_sub(2)
        } else {
            source.tokens[at].parent.filter(|open| *open > keyword)
        };
        match before {
            Some(before) if before > keyword => at = before,
            _ => break,
        }
    }
    (source.tokens[at].kind == Kind::Ident).then(|| source.at(at))
}

/// Whether `::` stands before the token at `at`.
fn follows_colons(source: &Source<'_>, at: usize) -> bool {
    at.checked_sub(2)
        .is_some_and(|colons| source.is_joint(colons, "::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_crates_or_from_elsewhere() {
        let text = "use other::{A, b::{self, C as D}}; use crate::e::E; use ::f::F; mod m;\n\
                    use std::time; type X = (A, D, C, E, F, G, m::H, time::I, n::J, self::K);";
        let source = Source::parse(text).unwrap();
        let mut origins = Origins::default();
        origins.collect(&source);
        let of = |name: &str| {
            let at = (0..source.tokens.len()).rfind(|at| source.is_ident(*at, name));
            origins.is_of_crate(&source, at.unwrap(), false)
        };
        for (name, own) in [
            ("A", false),
            ("D", false),
            ("C", true),
            ("E", true),
            ("F", false),
            ("G", true),
            ("H", true),
            ("I", false),
            ("J", false),
            ("K", true),
        ] {
            assert_eq!(of(name), own, "{name}");
        }
    }

    #[test]
    fn all_of_another_crate_may_bring_any_name() {
        let of = |text: &str, is_here: bool| {
            let source = Source::parse(text).unwrap();
            let mut origins = Origins::default();
            origins.collect(&source);
            let at = (0..source.tokens.len()).rfind(|at| source.is_ident(*at, "A"));
            origins.is_of_crate(&source, at.unwrap(), is_here)
        };
        assert!(!of("use other::*; type X = A;", false));
        assert!(of("use other::*; type X = A;", true));
        assert!(of("use super::*; use crate::a::*; type X = A;", false));
    }
}
