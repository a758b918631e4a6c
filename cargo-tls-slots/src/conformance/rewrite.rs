//! Rewrites upstream's test files so that they can be Rust modules of one `cdylib`.
//!
//! The problem: each of upstream's test files is the root of a program, built with `--test`. In the
//! conformance module it is neither. Two things have to change:
//!
//! - A test attribute becomes `conformance_macros::test`. Without `--test`, the built-in attribute
//!   removes its function. Test attributes are `#[test]`, `#[tokio::test(..)]`, `use tokio::test`,
//!   and other paths that end in `test`.
//! - `crate::` becomes `crate::FILE::`, as the root of the crate is another file.
//!
//! The way: the rewriting works on tokens at any depth. So attributes inside of a `macro_rules!`
//! and of the arguments of `proptest!` are rewritten too, and comments and strings are not. What is
//! replaced has no line break, so line numbers stay.

use std::ops::Range;

use crate::source::tokens::{Kind, LexError, Source};

/// The attribute that takes the place of all others.
const TEST: &str = "::conformance_macros::test";

/// The text of a test file, rewritten as the Rust module `name` of the conformance module.
///
/// # Errors
///
/// If `text` cannot be split into tokens.
pub(super) fn rewrite(text: &str, name: &str) -> Result<String, LexError> {
    let source = Source::parse(text)?;
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut index = 0;
    while index < source.tokens.len() {
        if let Some(end) = test_path(&source, index) {
            let range = source.tokens[index].range.start..source.tokens[end - 1].range.end;
            edits.push((range, TEST.to_owned()));
            index = end;
            continue;
        }
        let from_root = source.is_ident(index, "crate")
            && source.is_joint(index + 1, "::")
            && source.before(index, 1) != "$";
        if from_root {
            let range = source.tokens[index].range.clone();
            edits.push((range, format!("crate::{name}")));
        }
        index += 1;
    }
    let mut result = text.to_owned();
    for (range, new) in edits.into_iter().rev() {
        result.replace_range(range, &new);
    }
    Ok(result)
}

/// The index after the path that starts at `index`, if the path names a test attribute.
fn test_path(source: &Source<'_>, index: usize) -> Option<usize> {
    let in_path = source.is_joint(index.checked_sub(2).unwrap_or(usize::MAX - 1), "::");
    if in_path {
        return None;
    }
    let mut end = index;
    let mut segments = Vec::new();
    if source.is_joint(end, "::") {
        end += 2;
    }
    loop {
        if source.tokens.get(end)?.kind != Kind::Ident {
            return None;
        }
        segments.push(source.at(end));
        end += 1;
        if !source.is_joint(end, "::") {
            break;
        }
        end += 2;
    }
    if segments.last() != Some(&"test") {
        return None;
    }
    let parent = source.tokens[index].parent;
    let is_attribute = parent.is_some_and(|open| {
        source.at(open) == "[" && open + 1 == index && source.before(open, 1) == "#"
    });
    // Inside `#[cfg_attr(…, tokio::test)]`, and after `use`.
    let is_tokios = segments.len() > 1 && segments[segments.len() - 2] == "tokio";
    let in_cfg_attr = || {
        parent.is_some_and(|open| source.at(open) == "(" && source.before(open, 1) == "cfg_attr")
    };
    let in_use = || source.before(index, 1) == "use";
    (is_attribute || is_tokios && (in_cfg_attr() || in_use())).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::rewrite;

    #[track_caller]
    fn becomes(text: &str, wanted: &str) {
        assert_eq!(rewrite(text, "file").unwrap(), wanted);
    }

    #[test]
    fn attributes_of_every_spelling() {
        becomes(
            "#[test] fn a() {}",
            "#[::conformance_macros::test] fn a() {}",
        );
        becomes(
            "#[tokio::test(flavor = \"local\")] async fn a() {}",
            "#[::conformance_macros::test(flavor = \"local\")] async fn a() {}",
        );
        becomes("#[::tokio::test]", "#[::conformance_macros::test]");
        becomes("#[std::prelude::v1::test]", "#[::conformance_macros::test]");
        becomes(
            "#[test::tokio::test(x)]",
            "#[::conformance_macros::test(x)]",
        );
        becomes(
            "#[cfg_attr(not(x), tokio::test(a = 1))]",
            "#[cfg_attr(not(x), ::conformance_macros::test(a = 1))]",
        );
        becomes(
            "use tokio::test as maybe; #[maybe] fn a() {}",
            "use ::conformance_macros::test as maybe; #[maybe] fn a() {}",
        );
    }

    #[test]
    fn attributes_inside_macros() {
        becomes(
            "macro_rules! t { ($($b:tt)*) => { mod m { #[test] $($b)* } } }",
            "macro_rules! t { ($($b:tt)*) => { mod m { #[::conformance_macros::test] $($b)* } } }",
        );
        becomes(
            "proptest! { #[test] fn a(x in 0..1) {} }",
            "proptest! { #[::conformance_macros::test] fn a(x in 0..1) {} }",
        );
    }

    #[test]
    fn paths_from_the_root() {
        becomes("use crate::support::x;", "use crate::file::support::x;");
        becomes("pub(crate) mod x;", "pub(crate) mod x;");
        becomes(
            "macro_rules! m { () => { $crate::x } }",
            "macro_rules! m { () => { $crate::x } }",
        );
    }

    #[test]
    fn everything_else_stays() {
        for text in [
            "// #[test]\nfn a() {}",
            "/// #[test]\nfn a() {}",
            "const A: &str = \"#[test]\";",
            "#[cfg(test)] mod test { use test::x; }",
            "use tokio_test::task; use tokio::test_util;",
            "fn test() { test(); a[test]; super::test() }",
        ] {
            becomes(text, text);
        }
    }
}
