//! What the command carries with it: the recipes, the overlay and our own five crates.
//!
//! `build.rs` makes the table from the repository, so an installed command forks without a
//! checkout, and a command built from a changed checkout notices: [`digest`] is part of every
//! fork's stamp.

use sha2::{Digest as _, Sha256};

/// `(path from the repository's root, text)`, sorted by path.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The text of one embedded file.
pub(crate) fn file(path: &str) -> Option<&'static str> {
    FILES
        .binary_search_by_key(&path, |(name, _)| name)
        .ok()
        .map(|index| FILES[index].1)
}

/// Every embedded file below `folder`, as `(path inside it, text)`.
pub(crate) fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let prefix = format!("{folder}/");
    FILES
        .iter()
        .filter_map(move |(name, text)| Some((name.strip_prefix(&prefix)?, *text)))
}

/// A digest of everything embedded: a fork made by another command is not up to date.
pub(crate) fn digest() -> String {
    let mut hash = Sha256::new();
    let engine = crate::any::SOURCES.iter().map(|text| ("", *text));
    for (name, text) in FILES.iter().copied().chain(engine) {
        // Lengths keep `("ab", "c")` and `("a", "bc")` apart.
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hex(&hash.finalize())
}

/// The SHA-256 of `bytes`, in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn recipes_are_embedded() {
        assert!(super::file("patches/tokio.toml").is_some());
        assert!(super::file("patches/nothing.toml").is_none());
        assert!(super::below("patches").any(|(name, _)| name == "tokio-macros.toml"));
    }
}
