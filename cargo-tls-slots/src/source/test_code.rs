//! What only tests compile: no program has it, so it is no state of a fork.
//!
//! | in the source | what is for tests only |
//! | --- | --- |
//! | `#[cfg(test)]`, `#[cfg(all(test, …))]` on an item | the item, with all inside of it |
//! | `#[test]` on a function | the function |
//! | `#[cfg(test)] mod name;` | the file `name.rs`, and everything below `name/` |
//!
//! A condition with `not` or `any` may hold in a program as well, so it says nothing.

use super::place;
use super::tokens::Source;

/// Whether the token at `index` is compiled for tests only, as far as its own file says.
///
/// [`TestFiles`] knows what other files say.
pub(crate) fn is_marked(source: &Source<'_>, index: usize) -> bool {
    let is_test = |index: usize| {
        place::lead(source, index).any(|at| {
            if source.at(at) != "#" || source.at(at + 1) != "[" {
                return false;
            }
            let inside = at + 2..source.tokens[at + 1].pair;
            let has = |word: &str| inside.clone().any(|at| source.is_ident(at, word));
            (has("cfg") && has("test") && !has("not") && !has("any"))
                || source.is_ident(at + 2, "test") && inside.len() == 1
        })
    };
    is_test(index) || source.ancestors(index).any(is_test)
}

/// The files of a crate that only tests compile, because the `mod` that declares them is marked.
///
/// A `#[path = "…"]` is not followed, so a file that is declared by it counts as code. That errs on
/// the side on which state is noticed.
#[derive(Debug, Default)]
pub(crate) struct TestFiles {
    /// Paths inside the crate; a folder's ends with `/` and means all below it.
    paths: Vec<String>,
}

impl TestFiles {
    /// Adds the files that marked `mod` items of the file at `path` declare.
    ///
    /// `lib.rs` and `mod.rs` have their children beside them, other files in a folder of their own
    /// name.
    pub(crate) fn collect(&mut self, path: &str, source: &Source<'_>) {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = match name {
            "lib.rs" | "mod.rs" => folder.to_owned(),
            _ => format!("{folder}/{}", name.trim_end_matches(".rs")),
        };
        for index in 0..source.tokens.len() {
            let is_declaration = source.is_ident(index, "mod") && source.at(index + 2) == ";";
            if is_declaration && is_marked(source, index) {
                let inside = format!("{folder}/{}", source.at(index + 1));
                let inside = inside.trim_start_matches('/');
                self.paths.push(format!("{inside}.rs"));
                self.paths.push(format!("{inside}/"));
            }
        }
    }

    /// Whether only tests compile the file at `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|test| match test.ends_with('/') {
            true => path.starts_with(test),
            false => path == test,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_from_code() {
        for (text, test) in [
            (
                "#[cfg(test)] mod tests { fn f() { static X: u8 = 1; } }",
                true,
            ),
            ("#[cfg(all(test, unix))] static X: u8 = 1;", true),
            ("#[test] fn f() { static X: u8 = 1; }", true),
            ("#[cfg(not(test))] static X: u8 = 1;", false),
            (
                "#[cfg(test)] mod tests { } fn f() { static X: u8 = 1; }",
                false,
            ),
            ("#[cfg(test)] mod tests; static X: u8 = 1;", false),
        ] {
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
        let source = Source::parse("#[cfg(test)] mod a; mod b;").unwrap();
        files.collect("src/lib.rs", &source);
        files.collect("src/c.rs", &source);
        files.collect("root.rs", &source);
        for path in ["src/a.rs", "src/a/d.rs", "src/c/a.rs", "root/a.rs"] {
            assert!(files.has(path), "{path}");
        }
        for path in ["src/b.rs", "src/ab.rs", "a.rs"] {
            assert!(!files.has(path), "{path}");
        }
    }
}
