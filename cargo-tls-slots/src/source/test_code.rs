//! What only tests compile: no program has it, so it is no state of a fork.
//!
//! | in the source | what is for tests only |
//! | --- | --- |
//! | `#[cfg(test)]`, `#[cfg(all(test, …))]`, `#[cfg(any(test, loom))]` on an item | the item, with all inside of it |
//! | `#[test]`, `#[tokio::test]`, `#[bench]` on a function | the function |
//! | `#![cfg(test)]` at the head of a file | the file |
//! | `#[cfg(test)] mod name;` | the file `name.rs`, and everything below `name/` |
//!
//! A condition is read as far as it goes: it is one of tests if it cannot hold where none of the
//! names in [`MODELS`] does. `not(test)` and `any(test, unix)` can.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::module_files::{declared, module};
use super::place;
use super::tokens::{Kind, Source};

/// Conditions that no program is built with: those of unit tests, of doc tests, and of tools that
/// check models.
const MODELS: [&str; 5] = ["test", "doctest", "loom", "crossbeam_loom", "kani"];

/// Whether the token at `index` is compiled for tests only, as far as its own file says.
///
/// [`TestFiles`] knows what other files say.
pub(crate) fn is_marked(source: &Source<'_>, index: usize) -> bool {
    let is_test = |index: usize| {
        place::lead(source, index)
            .filter(|at| source.at(*at) == "#" && source.at(*at + 1) == "[")
            .map(|at| at + 2..source.tokens[at + 1].pair)
            .any(|attribute| {
                is_of_tests(source, attribute.clone()) && reaches(source, attribute.end + 1, index)
            })
    };
    is_test(index) || source.ancestors(index).any(is_test)
}

/// Words that an item begins with: its commas are its own.
const ITEMS: [&str; 13] = [
    "async", "const", "enum", "extern", "fn", "impl", "mod", "pub", "static", "struct", "trait",
    "type", "unsafe",
];

/// Whether what an attribute in front of `start` is about goes on to the token at `index`.
///
/// An attribute may be that of a field, an argument or an arm of a `match`: then it ends at a
/// comma.
pub(crate) fn reaches(source: &Source<'_>, mut start: usize, index: usize) -> bool {
    while start < index && (source.at(start) == "#" || source.tokens[start].kind == Kind::Doc) {
        start = match source.at(start) {
            "#" => source.tokens[start + 1].pair + 1,
            _ => start + 1,
        };
    }
    if ITEMS.contains(&source.at(start)) {
        return true;
    }
    let mut at = start;
    while at < index {
        match (source.tokens[at].kind, source.at(at)) {
            (Kind::Open, _) => at = source.tokens[at].pair,
            (_, ",") => return false,
            _ => {}
        }
        at += 1;
    }
    true
}

/// Whether the attribute in these tokens says that only tests compile what it is about.
fn is_of_tests(source: &Source<'_>, attribute: Range<usize>) -> bool {
    if source.is_ident(attribute.start, "cfg") && source.at(attribute.start + 1) == "(" {
        let condition = attribute.start + 2..attribute.end.saturating_sub(1);
        return holds_in_programs(source, condition) == Some(false);
    }
    // The last name of its path.
    let end = attribute
        .clone()
        .find(|at| source.tokens[*at].kind == Kind::Open)
        .unwrap_or(attribute.end);
    end > attribute.start && ["test", "bench"].contains(&source.at(end - 1))
}

/// Whether a condition holds where none of [`MODELS`] does. `None` if that depends on something
/// else.
fn holds_in_programs(source: &Source<'_>, condition: Range<usize>) -> Option<bool> {
    let name = source.at(condition.start);
    if condition.len() == 1 {
        return MODELS.contains(&name).then_some(false);
    }
    if source.at(condition.start + 1) != "(" {
        return None;
    }
    let inside = source.split_at_commas(condition.start + 2..condition.end - 1);
    let mut parts = inside
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(|part| holds_in_programs(source, part));
    // One part of `decisive` decides; else all of the other kind do.
    let decisive = match name {
        "not" => return parts.next()?.map(|holds| !holds),
        "all" => false,
        "any" => true,
        _ => return None,
    };
    let all: Vec<_> = parts.collect();
    if all.contains(&Some(decisive)) {
        return Some(decisive);
    }
    all.iter().all(Option::is_some).then_some(!decisive)
}

/// The files of a crate that only tests compile, because the `mod` that declares them is marked.
///
/// A file that another `mod` declares as well, without the mark, is code.
#[derive(Debug, Default)]
pub(crate) struct TestFiles {
    /// The Rust modules that tests alone have, by their path inside the crate, without `.rs`.
    marked: BTreeSet<String>,
    /// Those that are declared without a mark, each with the files that do so.
    unmarked: BTreeMap<String, BTreeSet<String>>,
}

impl TestFiles {
    /// Adds what the file at `path` says of itself, and of the files that its `mod` items declare.
    pub(crate) fn collect(&mut self, path: &str, source: &Source<'_>) {
        if is_all_of_tests(source) {
            self.marked.insert(module(path).to_owned());
        }
        for (index, module) in declared(path, source) {
            if is_marked(source, index) {
                self.marked.insert(module);
            } else {
                let by = self.unmarked.entry(module).or_default();
                by.insert(path.to_owned());
            }
        }
    }

    /// Whether only tests compile the file at `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.has_module(module(path), &mut BTreeSet::new())
    }

    /// [`has`](Self::has) for a Rust module. `seen` are those that are being looked at.
    fn has_module<'s>(&'s self, at: &'s str, seen: &mut BTreeSet<&'s str>) -> bool {
        if !seen.insert(at) {
            return false;
        }
        let mut declared_by = self.unmarked.get(at).into_iter().flatten();
        if declared_by.any(|file| !self.has_module(module(file), seen)) {
            return false;
        }
        if self.marked.contains(at) {
            return true;
        }
        let above = at.rsplit_once('/').map(|(above, _)| above);
        above.is_some_and(|above| self.has_module(above, &mut BTreeSet::new()))
    }
}

/// Whether a file begins with `#![cfg(…)]` of tests.
fn is_all_of_tests(source: &Source<'_>) -> bool {
    let mut at = 0;
    while at < source.tokens.len() {
        match (source.tokens[at].kind, source.at(at)) {
            (Kind::Doc, _) => at += 1,
            (_, "#") if source.at(at + 1) == "!" && source.at(at + 2) == "[" => {
                let end = source.tokens[at + 2].pair;
                if source.is_ident(at + 3, "cfg") && is_of_tests(source, at + 3..end) {
                    return true;
                }
                at = end + 1;
            }
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_from_code() {
        let in_tests = [
            "#[cfg(test)] mod tests { fn f() { static X: u8 = 1; } }",
            "#[cfg(all(test, unix))] static X: u8 = 1;",
            "#[cfg(all(unix, any(test, loom)))] static X: u8 = 1;",
            "#[cfg(unix)] #[cfg(not(not(test)))] static X: u8 = 1;",
            "#[test] fn f() { static X: u8 = 1; }",
            "#[tokio::test(flavor = \"multi_thread\")] async fn f() { static X: u8 = 1; }",
            "#[bench] fn f() { static X: u8 = 1; }",
            "#[cfg(test)] impl<A, B> C for D where A: E, B: F { fn f() { static X: u8 = 1; } }",
            "fn f() { match k { #[cfg(test)] K::A => { static X: u8 = 1; } K::B => 1 } }",
        ];
        let in_code = [
            "#[cfg(not(test))] static X: u8 = 1;",
            "#[cfg(any(test, unix))] static X: u8 = 1;",
            "#[cfg(all(unix, not(loom)))] static X: u8 = 1;",
            "#[cfg(feature = \"test\")] static X: u8 = 1;",
            "#[cfg_attr(test, allow(unused))] static X: u8 = 1;",
            "#[cfg(test)] mod tests { } fn f() { static X: u8 = 1; }",
            "#[cfg(test)] mod tests; static X: u8 = 1;",
            "fn f() { match k { #[cfg(test)] K::A => 1, K::B => { static X: u8 = 1; } } }",
            "fn f() { S { #[cfg(test)] a: 1, b: { static X: u8 = 1; } } }",
        ];
        let expected = in_tests.map(|text| (text, true)).into_iter();
        for (text, test) in expected.chain(in_code.map(|text| (text, false))) {
            let source = Source::parse(text).unwrap();
            let at = (0..source.tokens.len())
                .find(|index| source.is_ident(*index, "static"))
                .unwrap();
            assert_eq!(is_marked(&source, at), test, "{text}");
        }
    }

    #[test]
    fn files_of_marked_modules_are_test_files() {
        let mut files = TestFiles::default();
        let source = Source::parse(
            "#[cfg(test)] mod a; mod b; m! { mod e { #[cfg(test)] mod a; } } \
             #[cfg(test)] mod both; #[cfg(not(test))] mod both; \
             #[cfg(test)] #[path = \"elsewhere.rs\"] mod f;",
        )
        .unwrap();
        files.collect("src/lib.rs", &source);
        files.collect("src/c.rs", &source);
        files.collect("root.rs", &source);
        let head = "//! Doc.\n#![allow(x)]\n#![cfg(all(test, unix))]\nmod g;";
        files.collect("src/h/mod.rs", &Source::parse(head).unwrap());
        // One file of the tests is code's, too.
        let lent = "#[cfg(test)] mod lent; #[path = \"./x/../lent/util.rs\"] mod util;";
        files.collect("src/lib.rs", &Source::parse(lent).unwrap());
        files.collect(
            "src/lent/mod.rs",
            &Source::parse("mod other; mod util;").unwrap(),
        );
        for path in [
            "src/a.rs",
            "src/a/mod.rs",
            "src/a/d.rs",
            "src/c/a.rs",
            "src/e/a.rs",
            "src/c/e/a.rs",
            "src/elsewhere.rs",
            "src/h/g.rs",
            "src/lent/other.rs",
            "root/a.rs",
        ] {
            assert!(files.has(path), "{path}");
        }
        for path in [
            "src/b.rs",
            "src/ab.rs",
            "a.rs",
            "src/both.rs",
            "src/e.rs",
            "src/f.rs",
            "src/lent/util.rs",
        ] {
            assert!(!files.has(path), "{path}");
        }
    }
}
