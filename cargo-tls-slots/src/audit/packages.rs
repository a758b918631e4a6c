//! Which packages an image was built from, as far as the image's own texts tell.
//!
//! A symbol names a crate as the compiler does: `foo_bar`. A command that forks it needs the
//! package, which may be `foo-bar`, and must know that it comes from a registry at all: a crate of
//! the user's own is not forked. Panics carry the path of their source file, and these paths say
//! both:
//!
//! | a path in the image | the package |
//! | --- | --- |
//! | `…/registry/src/index…/foo-bar-1.2.3/src/lib.rs` | `foo-bar`, of a registry |
//! | `own-thing/src/lib.rs` | `own-thing`, of the user's own |
//!
//! A fork's folder is of the first kind, too: its name is the package's with the version. Where
//! both kinds are there, the version wins: a crate of a registry may have a file `NAME/src/…` of
//! another in its tests.
//!
//! An image without such paths (no code that panics, `-Zlocation-detail=none`) tells nothing. Then
//! both cures are proposed.

use std::collections::BTreeMap;

/// Where a crate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A package of a registry, with this name.
    Registry(String),
    /// A folder of this name, without a version: the user's own.
    Own(String),
}

/// The packages of an image, by the name that the compiler has for their crates.
#[derive(Debug, Default)]
pub(super) struct Packages(BTreeMap<String, Origin>);

impl Packages {
    /// Reads the paths in the bytes of a file.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut all = Packages::default();
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.+/\\".contains(byte);
        for run in bytes.split(|byte| !is_part(byte)) {
            if run.len() > 4 && run.windows(3).any(|three| three == b".rs") {
                all.add(&String::from_utf8_lossy(run));
            }
        }
        all
    }

    /// Adds what one path says. Paths may follow each other without a gap.
    fn add(&mut self, path: &str) {
        let parts: Vec<&str> = path.split(['/', '\\']).collect();
        for (at, part) in parts.iter().enumerate() {
            // `src/lib.rsown-thing/src/lib.rs` are two.
            let part = part.rsplit_once(".rs").map_or(*part, |(_, rest)| rest);
            if let Some(name) = without_version(part) {
                let krate = name.replace('-', "_");
                self.0.insert(krate, Origin::Registry(name.to_owned()));
            } else if parts.get(at + 1) == Some(&"src") {
                let krate = part.replace('-', "_");
                let own = || Origin::Own(part.to_owned());
                self.0.entry(krate).or_insert_with(own);
            }
        }
    }

    /// Where the crate comes from, if a path tells.
    pub(super) fn origin(&self, krate: &str) -> Option<&Origin> {
        self.0.get(krate)
    }
}

/// The package in a folder's name `PACKAGE-VERSION`.
fn without_version(folder: &str) -> Option<&str> {
    folder
        .match_indices('-')
        .find(|(at, _)| semver::Version::parse(&folder[at + 1..]).is_ok())
        .map(|(at, _)| &folder[..at])
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_where_a_crate_comes_from() {
        let bytes = b"\0/home/me/.cargo/registry/src/index-0123456789abcdef/foo-bar-1.2.3/src/\
            lib.rsown-thing/src/lib.rs/c/registry/src/x/sha-1-0.10.1/src/a.rs\0src/main.rs\0\
            forks/log-0.4.35-rc.1+x/src/a.rs no/thing/src/here\0";
        let packages = Packages::read(bytes);
        let registry = |name: &str| Some(Origin::Registry(name.to_owned()));
        assert_eq!(packages.origin("foo_bar").cloned(), registry("foo-bar"));
        assert_eq!(packages.origin("sha_1").cloned(), registry("sha-1"));
        assert_eq!(packages.origin("log").cloned(), registry("log"));
        let own = Origin::Own("own-thing".to_owned());
        assert_eq!(packages.origin("own_thing"), Some(&own));
        for krate in ["index.crates.io", "thing", "src", "foo"] {
            assert_eq!(packages.origin(krate), None, "{krate}");
        }
    }
}
