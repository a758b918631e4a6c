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

use std::collections::BTreeSet;
use std::ops::Range;

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
            .any(|at| is_of_tests(source, at + 2..source.tokens[at + 1].pair))
    };
    is_test(index) || source.ancestors(index).any(is_test)
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
    /// Those that are declared without a mark.
    unmarked: BTreeSet<String>,
}

impl TestFiles {
    /// Adds what the file at `path` says of itself, and of the files that its `mod` items declare.
    ///
    /// `lib.rs` and `mod.rs` have their children beside them, other files in a folder of their own
    /// name. A `#[path = "…"]` is relative to the file's own folder.
    pub(crate) fn collect(&mut self, path: &str, source: &Source<'_>) {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let home = match name {
            "lib.rs" | "mod.rs" => folder.to_owned(),
            _ => joined(folder, name.trim_end_matches(".rs")),
        };
        if is_all_of_tests(source) {
            self.marked.insert(module(path).to_owned());
        }
        for index in 0..source.tokens.len() {
            if !source.is_ident(index, "mod") || source.at(index + 2) != ";" {
                continue;
            }
            let declared = match path_attribute(source, index) {
                Some(file) => joined(folder, module(file)),
                None => {
                    let inside = enclosing_modules(source, index);
                    let inside = inside
                        .iter()
                        .fold(home.clone(), |at, name| joined(&at, name));
                    joined(&inside, source.at(index + 1).trim_start_matches("r#"))
                }
            };
            match is_marked(source, index) {
                true => self.marked.insert(declared),
                false => self.unmarked.insert(declared),
            };
        }
    }

    /// Whether only tests compile the file at `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        let mut at = module(path);
        loop {
            if self.marked.contains(at) && !self.unmarked.contains(at) {
                return true;
            }
            match at.rsplit_once('/') {
                Some((above, _)) => at = above,
                None => return false,
            }
        }
    }
}

/// A path inside the crate, of `name` in `folder`, which is empty for the crate's own.
fn joined(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        _ => format!("{folder}/{name}"),
    }
}

/// The Rust module that a file is, as a path without `.rs` and without `/mod.rs`.
fn module(path: &str) -> &str {
    let path = path.trim_end_matches(".rs");
    path.strip_suffix("/mod").unwrap_or(path)
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

/// The file that a `#[path = "…"]` before the `mod` at `index` names.
fn path_attribute<'a>(source: &Source<'a>, index: usize) -> Option<&'a str> {
    let mut lead = place::lead(source, index);
    let at = lead.find(|at| {
        source.at(*at) == "[" && source.is_ident(at + 1, "path") && source.at(at + 2) == "="
    })?;
    Some(source.at(at + 3).trim_matches('"'))
}

/// The names of the Rust modules of this file around the token at `index`, from the outside.
fn enclosing_modules<'a>(source: &Source<'a>, index: usize) -> Vec<&'a str> {
    let mut names: Vec<&str> = source
        .ancestors(index)
        .filter(|open| source.at(*open) == "{" && source.before(*open, 2) == "mod")
        .map(|open| source.before(open, 1))
        .collect();
    names.reverse();
    names
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
        ];
        let in_code = [
            "#[cfg(not(test))] static X: u8 = 1;",
            "#[cfg(any(test, unix))] static X: u8 = 1;",
            "#[cfg(all(unix, not(loom)))] static X: u8 = 1;",
            "#[cfg(feature = \"test\")] static X: u8 = 1;",
            "#[cfg_attr(test, allow(unused))] static X: u8 = 1;",
            "#[cfg(test)] mod tests { } fn f() { static X: u8 = 1; }",
            "#[cfg(test)] mod tests; static X: u8 = 1;",
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
        for path in [
            "src/a.rs",
            "src/a/mod.rs",
            "src/a/d.rs",
            "src/c/a.rs",
            "src/e/a.rs",
            "src/c/e/a.rs",
            "src/elsewhere.rs",
            "src/h/g.rs",
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
        ] {
            assert!(!files.has(path), "{path}");
        }
    }
}
