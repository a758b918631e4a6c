//! What the command carries with it: the recipes, the files that are laid over upstream's, our own
//! crates, and the text of the engine that makes forks.
//!
//! The crate's build script makes the table from the repository, so an installed command forks
//! without a checkout. A command that was built from a changed checkout notices forks of the old
//! one: [`digest()`] is part of every fork's stamp. That is the only use of the engine's own text.

use std::sync::LazyLock;

use crate::digest;

/// `(path from the repository's root, text)`, sorted by path.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The text of one embedded file. `path` starts at the repository's root.
pub(crate) fn file(path: &str) -> Option<&'static str> {
    FILES
        .binary_search_by_key(&path, |(name, _)| name)
        .ok()
        .map(|index| FILES[index].1)
}

/// Every embedded file below `folder`, as `(path inside it, text)`, sorted by path.
pub(crate) fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let prefix = format!("{folder}/");
    FILES
        .iter()
        .filter_map(move |(name, text)| Some((name.strip_prefix(&prefix)?, *text)))
}

/// A digest of everything embedded: a fork that another command made is not up to date.
pub(crate) fn digest() -> &'static str {
    static DIGEST: LazyLock<String> = LazyLock::new(|| {
        digest::of_files(FILES.iter().map(|(path, text)| (*path, text.as_bytes())))
    });
    &DIGEST
}

#[cfg(test)]
mod tests {
    #[test]
    fn recipes_are_embedded() {
        assert!(super::file("patches/tokio.toml").is_some());
        assert!(super::file("patches/nothing.toml").is_none());
        assert!(super::below("patches").any(|(name, _)| name == "tokio-macros.toml"));
    }

    #[test]
    fn the_engine_is_part_of_the_digest() {
        for file in [
            "by_rule/external_tls.rs.in",
            "recipe/apply.rs",
            "source/types/mod.rs",
        ] {
            let path = format!("cargo-tls-slots/src/{file}");
            assert!(super::file(&path).is_some(), "{path}");
        }
    }
}
