//! Digests: of one file, and of files with their paths.
//!
//! They tell a fork that is up to date from one that is not, and a host's sources of a crate from
//! a module's. SHA-256, because that is what registries use for archives.

use sha2::{Digest as _, Sha256};

/// The SHA-256 of `bytes`, in lower-case hexadecimal.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// One digest of several files, each with its path.
///
/// The order counts: callers pass sorted paths. Neither the number of files nor where one ends can
/// be confused with their contents.
pub(crate) fn of_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hash = Sha256::new();
    for (path, bytes) in files {
        // The lengths keep `("ab", "c")` and `("a", "bc")` apart.
        hash.update((path.len() as u64).to_le_bytes());
        hash.update(path);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_a_text_do_not_mix() {
        let of = |path, text: &'static str| of_files([(path, text.as_bytes())]);
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_eq!(of("a", "b"), of("a", "b"));
    }
}
