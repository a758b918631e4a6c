//! Where an item stands, where it ends, and which names it brings.
//!
//! Items are read from tokens and not by a parser of Rust, as most of tokio's stand in the
//! arguments of macros. Little of an item has to be known:
//!
//! | item | ends with | names |
//! | --- | --- | --- |
//! | `fn`, `trait`, `mod`, `impl` | its braces, or `;` | its own; an `impl` has none |
//! | `struct`, `enum`, `union` | its braces, or `;` | its own, and that of a tuple's constructor |
//! | `const`, `static`, `type` | `;` | its own, unless it is `_` |
//! | `use a::{b, c as d};` | `;` | `b` and `d`; `*` for a glob |
//! | `extern crate a;` | `;` | none: the crate has this name anyway |
//! | `macro_rules! a { … }` | its braces | `a`, of macros |
//! | `a! { … }`, `a!(…);` | its group, and the `;` | none that are known |
//!
//! What begins otherwise is no item, or one that nobody expects there.

use std::ops::Range;

use super::gates::Gates;
use crate::source::place::{self, Block};
use crate::source::tokens::{Kind, Source};

/// Where an item stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// In a Rust module: its path inside the file, empty for the file's own.
    Module(String),
    /// In an `impl` of a type without a trait: the last name of the type's path.
    Type(String),
    /// Anywhere else: in a trait or its `impl`, a type, a function, a macro.
    Other,
}

/// Which of the language's name spaces a name is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Space {
    Types,
    Values,
    Macros,
    /// A `use` may bring all of them.
    Any,
}

impl Space {
    /// Whether a name of one may stand for a name of the other.
    pub(super) fn meets(self, other: Self) -> bool {
        self == other || self == Space::Any || other == Space::Any
    }
}

/// An item.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its keyword: `fn`, `struct`, …, or `!` for a call of a macro.
    pub(super) keyword: &'static str,
    /// Where the keyword stands; for a call, the opening delimiter.
    pub(super) index: usize,
    /// Its tokens, without attributes.
    pub(super) range: Range<usize>,
    /// The names that it brings into its scope. A `*` stands for those of a glob.
    pub(super) names: Vec<(Space, String)>,
}

/// The keywords of items, with the name space of their names.
const KEYWORDS: [(&str, Space); 10] = [
    ("struct", Space::Types),
    ("enum", Space::Types),
    ("union", Space::Types),
    ("trait", Space::Types),
    ("type", Space::Types),
    ("mod", Space::Types),
    ("impl", Space::Types),
    ("use", Space::Any),
    ("extern", Space::Types),
    ("macro_rules", Space::Macros),
];

/// Names of the prelude that only one thing of std has: who imports one from there imports what the
/// prelude has.
const OF_ALLOC: [&str; 5] = ["Box", "String", "ToOwned", "ToString", "Vec"];

/// Where what stands in the group that `parent` opens, or at the top of the file, is declared.
pub(super) fn scope(gates: &Gates<'_>, source: &Source<'_>, parent: Option<usize>) -> Scope {
    let mut modules = Vec::new();
    let mut next = parent;
    while let Some(open) = next {
        next = source.tokens[open].parent;
        if gates.wrapper(source, open).is_some() {
            continue;
        }
        if place::block(source, open) != Block::Item {
            return Scope::Other;
        }
        let head: Vec<usize> = place::lead(source, open)
            .filter(|at| source.tokens[*at].parent == next)
            .collect();
        if source.before(open, 2) == "mod" {
            modules.push(source.before(open, 1));
            continue;
        }
        let is = |word: &str| head.iter().any(|at| source.is_ident(*at, word));
        if is("impl") && !is("for") && modules.is_empty() {
            return self_type(source, &head).map_or(Scope::Other, Scope::Type);
        }
        return Scope::Other;
    }
    modules.reverse();
    Scope::Module(modules.join("::"))
}

/// The last name of the path of the type that an `impl` without a trait is about. `head` is what
/// stands before its braces.
fn self_type(source: &Source<'_>, head: &[usize]) -> Option<String> {
    let at = head.iter().position(|at| source.is_ident(*at, "impl"))?;
    last_name(source, head[at] + 1, *head.last()? + 1)
}

/// The last name of the first path in a range of tokens, behind generic parameters and without
/// arguments.
pub(super) fn last_name(source: &Source<'_>, start: usize, end: usize) -> Option<String> {
    let mut angles = 0;
    let mut name = None;
    for at in start..end {
        match (source.tokens[at].kind, source.at(at)) {
            (Kind::Punct, "<") if name.is_some() => break,
            (Kind::Punct, "<") => angles += 1,
            (Kind::Punct, ">") if source.before(at, 1) != "-" => angles -= 1,
            (Kind::Ident, "where") => break,
            (Kind::Ident, word) if angles == 0 && !["dyn", "mut", "const"].contains(&word) => {
                name = Some(word.to_owned());
            }
            (Kind::Open, _) if name.is_none() => return None,
            (Kind::Open, _) => break,
            _ => {}
        }
    }
    name
}

/// The item that begins at `start`, behind its attributes. `None` if no item does that is known.
pub(super) fn item(source: &Source<'_>, start: usize) -> Option<Item> {
    let parent = source.tokens.get(start)?.parent;
    let stop = parent.map_or(source.tokens.len(), |open| source.tokens[open].pair);
    let mut at = start;
    if source.is_ident(at, "pub") {
        at += 1;
        if source.at(at) == "(" {
            at = source.tokens[at].pair + 1;
        }
    }
    // What may stand before `fn`, `trait` and `impl`.
    while ["default", "const", "async", "unsafe", "auto"].contains(&source.at(at))
        && source.tokens.get(at + 1)?.kind == Kind::Ident
        && !(source.at(at) == "const" && is_constant(source, at))
    {
        at += 1;
    }
    // `extern "C" fn`
    if source.at(at) == "extern" && source.at(at + 1).starts_with('"') && source.at(at + 2) == "fn"
    {
        at += 2;
    }
    let word = source.at(at);
    let (keyword, space) = match word {
        "fn" => ("fn", Space::Values),
        "const" => ("const", Space::Values),
        "static" => ("static", Space::Values),
        _ => match KEYWORDS.iter().find(|(keyword, _)| *keyword == word) {
            Some(found) => *found,
            None => return call(source, start, stop),
        },
    };
    let is_braced = !["use", "const", "static", "type"].contains(&keyword);
    let end = (at..stop)
        .filter(|at| source.tokens[*at].parent == parent)
        .find(|at| source.at(*at) == ";" || is_braced && source.at(*at) == "{")?;
    let end = match source.at(end) {
        "{" => source.tokens[end].pair,
        _ => end,
    };
    let name = |at: usize| source.at(at).trim_start_matches("r#").to_owned();
    let names = match keyword {
        "impl" => Vec::new(),
        "use" => {
            let is_std = ["std", "alloc"].contains(&source.at(at + 1));
            let names = leaves(source, at + 1..end).into_iter();
            let is_same = |name: &String| is_std && OF_ALLOC.contains(&name.as_str());
            let has_as = (at..end).any(|at| source.is_ident(at, "as"));
            let names = names.filter(|name| has_as || !is_same(name));
            names.map(|name| (space, name)).collect()
        }
        "extern" if source.at(at + 1) == "crate" && source.at(at + 3) == ";" => Vec::new(),
        // A crate without std. What is in `core` has the same path in `std`.
        "extern" if is_core_as_std(source, at) => Vec::new(),
        "extern" => return None,
        "macro_rules" => vec![(space, name(at + 2))],
        // A tuple's constructor is a value as well.
        "struct" => vec![(Space::Any, name(at + 1))],
        // `const _: () = …`
        _ if source.at(at + 1) == "_" => Vec::new(),
        _ => vec![(space, name(at + 1))],
    };
    Some(Item {
        keyword,
        index: at,
        range: start..end + 1,
        names,
    })
}

/// Whether `at` begins `extern crate core as std;`.
pub(super) fn is_core_as_std(source: &Source<'_>, at: usize) -> bool {
    let texts = ["extern", "crate", "core", "as", "std", ";"];
    texts
        .iter()
        .enumerate()
        .all(|(nth, text)| source.at(at + nth) == *text)
}

/// Whether the `const` at `at` declares a constant, and no function.
fn is_constant(source: &Source<'_>, at: usize) -> bool {
    source.at(at + 2) == ":" || source.at(at + 1) == "_"
}

/// The call of a macro that begins at `start`.
fn call(source: &Source<'_>, start: usize, stop: usize) -> Option<Item> {
    let open = (start..stop).find(|at| source.tokens[*at].kind == Kind::Open)?;
    let path = source.macro_path(open)?;
    let end = source.tokens[open].pair;
    let has_end = source.at(open) != "{" && source.at(end + 1) == ";";
    (path.start == start).then(|| Item {
        keyword: "!",
        index: open,
        range: start..end + 1 + usize::from(has_end),
        names: Vec::new(),
    })
}

/// The names at the ends of a `use`, which stands in a range of tokens.
fn leaves(source: &Source<'_>, range: Range<usize>) -> Vec<String> {
    let mut names = Vec::new();
    for part in source.split_at_commas(range) {
        let group = part.clone().find(|at| source.at(*at) == "{");
        if let Some(open) = group {
            let above = source.before(open, 3).to_owned();
            let inside = leaves(source, open + 1..source.tokens[open].pair);
            // `a::{self}` is `a`.
            let inside = inside.into_iter().map(|name| match name.as_str() {
                "self" => above.clone(),
                _ => name,
            });
            names.extend(inside);
        } else if !part.is_empty() {
            names.push(source.at(part.end - 1).trim_start_matches("r#").to_owned());
        }
    }
    names.retain(|name| name != "_");
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_end_and_have_names() {
        for (text, keyword, names) in [
            ("pub(crate) async unsafe fn f(a: B) -> C { d } e", "fn", "f"),
            ("const fn f() {} e", "fn", "f"),
            ("const F: u8 = { 1 }; e", "const", "F"),
            ("const _: () = {}; e", "const", ""),
            ("pub struct S<T>(T); e", "struct", "S"),
            ("impl<T> A for B<T> { fn f() {} } e", "impl", ""),
            (
                "pub use a::{self, b as c, d::{e, f::*}, _g as _}; e",
                "use",
                "a c e *",
            ),
            ("extern crate alloc; e", "extern", ""),
            ("macro_rules! m { () => {} } e", "macro_rules", "m"),
            ("a::b! { c } e", "!", ""),
            ("unsafe extern \"C\" fn f() {} e", "fn", "f"),
        ] {
            let source = Source::parse(text).unwrap();
            let found = item(&source, 0).unwrap();
            assert_eq!(found.keyword, keyword, "{text}");
            let all: Vec<&str> = found.names.iter().map(|(_, name)| name.as_str()).collect();
            assert_eq!(all.join(" "), names, "{text}");
            assert_eq!(source.at(found.range.end), "e", "{text}");
        }
        for text in [
            "let a = 1;",
            "extern crate core as other;",
            "extern \"C\" { fn f(); }",
            "a: B,",
        ] {
            assert!(item(&Source::parse(text).unwrap(), 0).is_none(), "{text}");
        }
    }
}
