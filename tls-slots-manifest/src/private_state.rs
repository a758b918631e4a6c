//! State that an image has for itself: statics and thread-locals of crates that are no keys.
//!
//! The problem: a crate that is linked without its fork leaves no record in the manifest. But its
//! statics and thread-locals are in the file, and so are the paths of its source files, in the
//! places that its panics name. `state.rs` reads both.
//!
//! A symbol tells the crate and the name of a static, and not the crate's version. A path tells
//! package and version, and not whether there is state. So each answers what the other cannot:
//!
//! | the file has | the crate's state is | its version is |
//! | --- | --- | --- |
//! | symbols | there, if a symbol in writable memory says so | by paths, where one names the package |
//! | no symbols (`strip`) | taken to be there, if a path names the package | by the same path, if it has one |

use std::collections::{BTreeMap, BTreeSet};

/// The state of crates that an image has for itself, as far as its file tells. Nothing is known of
/// an image that is seen in memory only: that is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrivateState {
    /// Mangled names of what stands in writable memory, by the crate's name in Rust. `None` where
    /// the file has no symbols.
    pub(crate) symbols: Option<BTreeMap<String, Vec<String>>>,
    /// Versions by package, from the paths of source files.
    pub(crate) packages: BTreeMap<String, BTreeSet<String>>,
    /// Folders that sources are in and that have no version in their name. `cargo vendor` names
    /// them by the package.
    pub(crate) folders: BTreeSet<String>,
}

impl PrivateState {
    /// Whether the file has symbols, which tell what state there is.
    pub(crate) fn has_symbols(&self) -> bool {
        self.symbols.is_some()
    }

    /// The versions of a package that paths name.
    pub(crate) fn versions(&self, package: &str) -> impl Iterator<Item = &str> {
        let versions = self.packages.get(package);
        versions.into_iter().flatten().map(String::as_str)
    }

    /// Whether a static or thread-local of that crate and that name is in writable memory, and is
    /// no key.
    pub(crate) fn has(&self, krate: &str, name: &str) -> bool {
        let symbols = self.symbols.as_ref().and_then(|crates| crates.get(krate));
        let mut symbols = symbols.into_iter().flatten();
        symbols.any(|symbol| names(symbol, name))
    }
}

/// Whether a part of a mangled path is that name, and is not a key.
///
/// Both manglings of rustc write a part as its length and its text. What a key makes of its own
/// image's value is called `INSTANCE`, below the key's name.
fn names(symbol: &str, name: &str) -> bool {
    let part = format!("{}{name}", name.len());
    symbol.match_indices(&part).any(|(at, _)| {
        let is_whole = !symbol[..at].ends_with(|before: char| before.is_ascii_digit());
        is_whole && !symbol[at + part.len()..].starts_with("8INSTANCE")
    })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_part_of_a_path_is_found_whole() {
        let thread_local = "_ZN8arc_swap4debt4list11THREAD_HEAD28_$u7b$$u7b$closure$u7d$$u7d$3VALE";
        assert!(names(thread_local, "THREAD_HEAD"));
        assert!(!names(thread_local, "HEAD"));
        assert!(!names("_ZN3foo14A_THREAD_HEAD17h0E", "THREAD_HEAD"));
        assert!(!names("_ZN3foo21STATE17h0E", "STATE"), "its length is 21");
        assert!(names("_RNvNtCs1_3foo3bar5STATE", "STATE"));
    }

    #[test]
    fn the_instance_of_a_key_is_no_private_state() {
        assert!(!names("_ZN3foo5STATE8INSTANCE17h0E", "STATE"));
        assert!(!names("_RNvNvCs1_3foo5STATE8INSTANCE", "STATE"));
        assert!(names("_ZN3foo8INSTANCE17h0E", "INSTANCE"));
    }
}
