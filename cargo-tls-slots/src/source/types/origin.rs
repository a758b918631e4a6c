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
//! | `std::a::Foo`, `libc::Foo` | known, if it is one of [the lists](super::names) |
//! | `crate::a::Foo`, `self::Foo`, `a::Foo` where the crate has a `mod a` | the crate's |
//! | `other::Foo` | from elsewhere |
//! | `Foo`, where the file has `use other::Foo;` or `use crate::a::Bar as Foo;` | from elsewhere |
//! | `Foo`, where the file has `use other::*;` and does not define it | from elsewhere |
//! | any of these, if the crate has a `pub use` that gives the name to another type | from elsewhere |
//! | `Foo` | open: the crate's, if it has one of that name, or else known |

use std::collections::{BTreeMap, BTreeSet};

use crate::source::place;
use crate::source::tokens::{Kind, Source};

/// Where a type's name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// From std, or from C.
    Known,
    /// From the crate.
    Crate,
    /// From the crate or from std: nothing in the file says.
    Open,
    /// From another crate, or from a type of the crate with another name.
    Elsewhere,
}

/// What the files of a crate import, and which Rust modules they have.
#[derive(Default)]
pub(super) struct Origins<'a> {
    modules: BTreeSet<&'a str>,
    /// By file: for each imported name the first segment of its path. `None` for one that is
    /// imported under another name.
    imports: BTreeMap<FileId, BTreeMap<&'a str, Option<&'a str>>>,
    /// By file: the first segments of the paths that it imports all of.
    globs: BTreeMap<FileId, BTreeSet<&'a str>>,
    /// Names that the crate exports again.
    exports: BTreeMap<&'a str, BTreeSet<Option<&'a str>>>,
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
            let is_pub = (place::start_of_item(source, item.start)..item.start)
                .any(|at| source.is_ident(at, "pub"));
            for at in item.clone().skip(1) {
                let Some(first) = first_segment(source, item.start, at) else {
                    continue;
                };
                let is_leaf = matches!(source.at(at + 1), "" | "," | "}" | ";");
                match source.tokens[at].kind {
                    // `self` is no name of a type.
                    Kind::Ident if is_leaf && source.at(at) != "self" => {
                        let from = (source.before(at, 1) != "as").then_some(first);
                        let name = source.at(at);
                        let file = self.imports.entry(id(source)).or_default();
                        file.insert(name, from);
                        if is_pub {
                            self.exports.entry(name).or_default().insert(from);
                        }
                    }
                    Kind::Punct if source.at(at) == "*" => {
                        self.globs.entry(id(source)).or_default().insert(first);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Where the name at `at` comes from; `is_here` says whether the file itself defines a type of
    /// that name.
    pub(super) fn of(&self, source: &Source<'_>, at: usize, is_here: bool) -> Origin {
        let mut first = at;
        while follows_colons(source, first) {
            // `::other::Foo`, `<T as Trait>::Foo`
            match first.checked_sub(3) {
                Some(before) if source.tokens[before].kind == Kind::Ident => first = before,
                _ => return Origin::Elsewhere,
            }
        }
        let segment = source.at(first);
        let imports = self.imports.get(&id(source));
        let origin = match imports.and_then(|imports| imports.get(segment)) {
            Some(from) => self.of_path(*from),
            None if first != at => self.of_path(Some(segment)),
            None if is_here => return Origin::Crate,
            None => {
                let globs = self.globs.get(&id(source)).into_iter().flatten();
                // The names of primitive types, which nobody takes, are small.
                let is_primitive = segment.starts_with(|c: char| c.is_ascii_lowercase());
                let mut foreign = globs.filter(|from| {
                    self.of_path(Some(**from)) == Origin::Elsewhere && !is_primitive
                });
                match foreign.next() {
                    Some(_) => Origin::Elsewhere,
                    None => Origin::Open,
                }
            }
        };
        let exports = self.exports.get(source.at(at)).into_iter().flatten();
        let mut origins = exports.map(|from| self.of_path(*from));
        match origin {
            Origin::Crate | Origin::Open if origins.any(|one| one == Origin::Elsewhere) => {
                Origin::Elsewhere
            }
            _ => origin,
        }
    }

    /// Where a path leads that begins with this segment.
    fn of_path(&self, first: Option<&str>) -> Origin {
        match first {
            Some("std" | "core" | "alloc" | "libc") => Origin::Known,
            Some("crate" | "self" | "super" | "Self") => Origin::Crate,
            Some(segment) if self.modules.contains(segment) => Origin::Crate,
            _ => Origin::Elsewhere,
        }
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

    /// Where the last `name` of a text comes from.
    fn of(text: &str, name: &str, is_here: bool) -> Origin {
        let source = Source::parse(text).unwrap();
        let mut origins = Origins::default();
        origins.collect(&source);
        let at = (0..source.tokens.len()).rfind(|at| source.is_ident(*at, name));
        origins.of(&source, at.unwrap(), is_here)
    }

    #[test]
    fn names_are_the_crates_or_from_elsewhere() {
        let text = "use other::{A, b::{self, C as D}}; use crate::e::E; use ::f::F; mod m;\n\
                    use std::time; use crate::L as N; mod s { pub use other::O; pub use crate::P; }\n\
                    type X = (A, D, C, E, F, G, m::H, time::I, n::J, self::K, L, N, s::O, P);";
        for (name, origin) in [
            ("A", Origin::Elsewhere),
            ("D", Origin::Elsewhere),
            ("C", Origin::Open),
            ("E", Origin::Crate),
            ("F", Origin::Elsewhere),
            ("G", Origin::Open),
            ("H", Origin::Crate),
            ("I", Origin::Known),
            ("J", Origin::Elsewhere),
            ("K", Origin::Crate),
            ("L", Origin::Open),
            ("N", Origin::Elsewhere),
            ("O", Origin::Elsewhere),
            ("P", Origin::Crate),
        ] {
            assert_eq!(of(text, name, false), origin, "{name}");
        }
    }

    #[test]
    fn all_of_another_crate_may_bring_any_name() {
        let foreign = "use other::*; type X = (A, u8);";
        assert_eq!(of(foreign, "A", false), Origin::Elsewhere);
        assert_eq!(of(foreign, "A", true), Origin::Crate);
        assert_eq!(of(foreign, "u8", false), Origin::Open);
        let own = "use super::*; use crate::a::*; use std::x::*; type X = A;";
        assert_eq!(of(own, "A", false), Origin::Open);
    }
}
