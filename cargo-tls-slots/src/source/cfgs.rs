//! Which cfgs a crate's sources ask for.
//!
//! Two copies of a crate that were compiled under different cfgs may have different layouts. A
//! `Cargo.toml` may declare its cfgs for a lint, but need not: tokio's does since 1.43.1. The
//! sources name them in any case.

use std::collections::BTreeSet;
use std::ops::Range;

use super::tokens::{Kind, Source};

/// Names that are the same in all images, or that no program's build has.
const COMMON: [&str; 11] = [
    "debug_assertions",
    "doc",
    "docsrs",
    "doctest",
    "false",
    "miri",
    "rustfmt",
    "test",
    "true",
    "unix",
    "windows",
];

/// Adds to `names` the cfgs without a value that `source` asks for, in `#[cfg(…)]`, in the
/// condition of `#[cfg_attr(…)]` and in `cfg!(…)`. Those with a value are features, or describe the
/// target.
pub(crate) fn collect(source: &Source<'_>, names: &mut BTreeSet<String>) {
    for at in 0..source.tokens.len() {
        let is_attribute = |name| source.is_ident(at, name) && source.at(at + 1) == "(";
        let open = if is_attribute("cfg") || is_attribute("cfg_attr") {
            at + 1
        } else if source.is_ident(at, "cfg") && source.at(at + 1) == "!" {
            at + 2
        } else {
            continue;
        };
        if source
            .tokens
            .get(open)
            .is_none_or(|token| token.kind != Kind::Open)
        {
            continue;
        }
        let condition = source.split_at_commas(open + 1..source.tokens[open].pair);
        let condition = condition.into_iter().next().unwrap_or(0..0);
        names.extend(bare(source, condition).map(str::to_owned));
    }
}

/// The names in a condition that stand without a value.
fn bare<'a>(source: &Source<'a>, condition: Range<usize>) -> impl Iterator<Item = &'a str> {
    condition
        .filter(|at| source.tokens[*at].kind == Kind::Ident)
        .filter(|at| {
            let is_end = matches!(source.at(at + 1), "" | "," | ")" | "]" | "}");
            is_end && !matches!(source.before(*at, 1), "$" | ":")
        })
        .map(|at| source.at(at))
        .filter(|name| !COMMON.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_names_of_conditions_are_found() {
        let text = "#![cfg_attr(all(a, not(b)), allow(x), no)]\n// #[cfg(comment)]\n\
                    #[cfg(any(c, feature = \"f\", target_os = \"linux\", test, unix))] fn f() {}\n\
                    fn g() { if cfg!(d) {} let cfg = h(cfg(e, 1)); }\n\
                    macro_rules! m { ($c:ident) => { #[cfg($c)] #[cfg(i)] x!(); } }\n\
                    cfg_if! { if #[cfg(j)] {} }";
        let mut names = BTreeSet::new();
        collect(&Source::parse(text).unwrap(), &mut names);
        // A function of the name is taken for an attribute, which costs a name too many.
        assert_eq!(Vec::from_iter(names), ["a", "b", "c", "d", "e", "i", "j"]);
    }
}
