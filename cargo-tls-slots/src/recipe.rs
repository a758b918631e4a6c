//! Recipes: what a fork changes in one upstream crate, as data.
//!
//! The format is described in `patches/README.md`; this is its model. Every entry has a reason
//! and a removal condition, its own or the file's, and may be limited to some versions.

use std::collections::BTreeMap;

use semver::{Version, VersionReq};
use serde::Deserialize;

use crate::embedded;

/// The recipe of one upstream crate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Recipe {
    /// The upstream crate.
    #[serde(rename = "crate")]
    pub(crate) name: String,
    /// The releases the recipe is meant for.
    pub(crate) supported: Vec<VersionReq>,
    /// The release that is forked when nothing names one.
    pub(crate) default: Version,
    /// When the entries that do not say so themselves can go.
    pub(crate) until: String,
    /// Upstream crates that are forked along, next to this one.
    #[serde(default)]
    pub(crate) with: Vec<String>,
    /// Other crates with recipes whose state this one's rests on: forked along where the lock file
    /// has them, and patched.
    #[serde(default)]
    pub(crate) needs: Vec<String>,
    /// The features that make cargo get those crates too.
    #[serde(default)]
    pub(crate) fetch_features: Vec<String>,
    /// Our crates that the fork needs beside it.
    #[serde(default)]
    pub(crate) companions: Vec<String>,
    /// The crate's root, such as `src/lib.rs`, if the fork gets the seam that forks have in
    /// common: `patches/common/external_tls.rs`, the module that declares it, and the dependency.
    pub(crate) keys: Option<String>,
    /// There is no recipe: every static and thread-local that is state is shared, see
    /// [`any`](crate::any).
    #[serde(skip)]
    pub(crate) automatic: bool,
    /// The releases that were tried, with their checksums.
    #[serde(default, rename = "pin")]
    pub(crate) pins: Vec<Pin>,
    /// Edits of `Cargo.toml`.
    pub(crate) manifest: Option<ManifestEdit>,
    /// What the crate says about itself in the manifest of an image.
    pub(crate) record: Option<RecordEdit>,
    #[serde(default, rename = "seam")]
    pub(crate) seams: Vec<Seam>,
    #[serde(default, rename = "thread_local")]
    pub(crate) thread_locals: Vec<ThreadLocal>,
    #[serde(default, rename = "share")]
    pub(crate) shares: Vec<Share>,
    #[serde(default, rename = "per_copy")]
    pub(crate) per_copies: Vec<Left>,
    #[serde(default, rename = "test_only")]
    pub(crate) test_only: Vec<Left>,
    #[serde(default, rename = "replace")]
    pub(crate) replaces: Vec<Replace>,
    #[serde(default, rename = "insert")]
    pub(crate) inserts: Vec<Insert>,
    #[serde(default, rename = "append")]
    pub(crate) appends: Vec<Append>,
    #[serde(default, rename = "on_host")]
    pub(crate) on_hosts: Vec<OnHost>,
}

/// One upstream release.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pin {
    /// Which.
    pub(crate) version: Version,
    /// The registry's SHA-256 of its archive.
    pub(crate) checksum: String,
    /// The releases of the crates forked along that belong to it.
    #[serde(default)]
    pub(crate) with: BTreeMap<String, Version>,
}

/// What every entry carries.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Why {
    /// Why the entry exists.
    pub(crate) reason: String,
    /// When it can go, if not when the file says.
    pub(crate) until: Option<String>,
    /// The releases it is for; without it, all.
    pub(crate) versions: Option<VersionReq>,
}

/// Features and dependencies that the fork's manifest gets.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ManifestEdit {
    #[serde(flatten)]
    pub(crate) why: Why,
    /// New features. An existing one is never changed.
    #[serde(default)]
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// New dependencies, and keys set in existing ones.
    #[serde(default)]
    pub(crate) dependencies: BTreeMap<String, toml::Table>,
    /// More entries for the `unexpected_cfgs` lint.
    #[serde(default, rename = "check-cfg")]
    pub(crate) check_cfg: Vec<String>,
}

/// What the crate says about itself in the manifest of an image, beyond what its own manifest tells.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RecordEdit {
    #[serde(flatten)]
    pub(crate) why: Why,
    /// The feature with which it is said; without it, always.
    pub(crate) feature: Option<String>,
    /// Packages that the crate's layouts depend on. They are pinned. Without it, all dependencies but those
    /// that are known to have no types of their own.
    pub(crate) dependencies: Option<Vec<String>>,
    /// Features that change neither a layout nor what shared state means, though the sources name them.
    #[serde(default)]
    pub(crate) harmless: Vec<String>,
    /// Cfgs that change the crate, besides those that its manifest declares.
    #[serde(default)]
    pub(crate) cfgs: Vec<String>,
    /// The path of a `&[TypeLayout]` in a file of ours.
    pub(crate) types: Option<String>,
}

/// A macro of upstream that every thread-local goes through.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Seam {
    #[serde(flatten)]
    pub(crate) why: Why,
    pub(crate) file: String,
    #[serde(rename = "macro")]
    pub(crate) name: String,
    /// How many definitions of it there are.
    #[serde(default = "one")]
    pub(crate) count: usize,
}

/// A thread-local that is shared because it goes through a seam.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ThreadLocal {
    #[serde(flatten)]
    pub(crate) why: Why,
    pub(crate) file: String,
    pub(crate) name: String,
}

/// A static that becomes process-wide.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Share {
    #[serde(flatten)]
    pub(crate) why: Why,
    pub(crate) file: String,
    pub(crate) name: String,
    #[serde(default = "one")]
    pub(crate) count: usize,
}

/// Statics that stay as they are.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Left {
    #[serde(flatten)]
    pub(crate) why: Why,
    /// One file, or with `folder/**` all below a folder.
    pub(crate) file: String,
    /// Which statics of it; without it, all.
    pub(crate) names: Option<Vec<String>>,
    /// Whether `static ref` is meant, and no plain `static` of the same name.
    #[serde(default)]
    pub(crate) lazy: bool,
}

/// Tokens that become other text.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Replace {
    #[serde(flatten)]
    pub(crate) why: Why,
    pub(crate) file: String,
    pub(crate) from: String,
    pub(crate) to: String,
    #[serde(default = "one")]
    pub(crate) count: usize,
    /// The statics in `from` that the edit makes shared: a thread-local, a `static mut`, one of a
    /// macro, of which no other entry could say so.
    #[serde(default)]
    pub(crate) shares: Vec<String>,
}

/// Text of ours before or after a token run.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Insert {
    #[serde(flatten)]
    pub(crate) why: Why,
    pub(crate) file: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) text: String,
    #[serde(default = "one")]
    pub(crate) count: usize,
}

/// Text of ours at the end of a file.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Append {
    #[serde(flatten)]
    pub(crate) why: Why,
    pub(crate) file: String,
    pub(crate) text: String,
}

/// A function that the host's copy of the code runs.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct OnHost {
    #[serde(flatten)]
    pub(crate) why: Why,
    pub(crate) file: String,
    /// `function` or `Type::method`.
    #[serde(rename = "fn")]
    pub(crate) function: String,
    /// The key's name.
    pub(crate) key: String,
}

fn one() -> usize {
    1
}

/// A recipe file is wrong in itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// It does not have the form of a recipe.
    #[error("patches/{name}.toml is no recipe")]
    Parse {
        /// The upstream crate.
        name: String,
        /// What is wrong, and where.
        source: toml::de::Error,
    },
    /// An entry does not say why it exists, or says nothing where it says when it can go.
    #[error("patches/{name}.toml has an entry without a reason: {entry}")]
    NoReason {
        /// The upstream crate.
        name: String,
        /// The entry's kind and file.
        entry: String,
    },
}

impl Recipe {
    /// Reads a recipe from its text.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, RecipeError> {
        let recipe: Recipe = toml::from_str(text).map_err(|source| RecipeError::Parse {
            name: name.to_owned(),
            source,
        })?;
        let bad = |why: &Why| {
            why.reason.trim().is_empty()
                || why
                    .until
                    .as_ref()
                    .is_some_and(|until| until.trim().is_empty())
        };
        match recipe.entries().into_iter().find(|(_, _, why)| bad(why)) {
            None => Ok(recipe),
            Some((kind, file, _)) => Err(RecipeError::NoReason {
                name: name.to_owned(),
                entry: format!("{kind} of {file}"),
            }),
        }
    }

    /// Every entry: its kind, its file and what every entry carries.
    fn entries(&self) -> Vec<(&'static str, &str, &Why)> {
        let mut all: Vec<(&'static str, &str, &Why)> = Vec::new();
        all.extend(
            self.manifest
                .iter()
                .map(|one| ("manifest", "Cargo.toml", &one.why)),
        );
        all.extend(
            self.record
                .iter()
                .map(|one| ("record", "Cargo.toml", &one.why)),
        );
        macro_rules! add {
            ($($kind:literal $list:ident)*) => {$(
                all.extend(self.$list.iter().map(|one| ($kind, one.file.as_str(), &one.why)));
            )*};
        }
        add! {
            "seam" seams
            "thread_local" thread_locals
            "share" shares
            "per_copy" per_copies
            "test_only" test_only
            "replace" replaces
            "insert" inserts
            "append" appends
            "on_host" on_hosts
        }
        all
    }

    /// The recipe that the command carries for an upstream crate.
    pub(crate) fn embedded(name: &str) -> Option<Result<Self, RecipeError>> {
        let text = embedded::file(&format!("patches/{name}.toml"))?;
        Some(Self::parse(name, text))
    }

    /// What is done with a crate that there is no recipe for.
    pub(crate) fn automatic(name: &str) -> Self {
        let none = Version::new(0, 0, 0);
        Recipe {
            name: name.to_owned(),
            supported: vec![VersionReq::STAR],
            default: none,
            until: "there is a recipe".to_owned(),
            needs: Vec::new(),
            with: Vec::new(),
            fetch_features: Vec::new(),
            companions: ["tls-keys", "tls-slots", "tls-slots-build", "tls-slots-load"]
                .map(str::to_owned)
                .to_vec(),
            keys: None,
            automatic: true,
            pins: Vec::new(),
            manifest: None,
            record: None,
            seams: Vec::new(),
            thread_locals: Vec::new(),
            shares: Vec::new(),
            per_copies: Vec::new(),
            test_only: Vec::new(),
            replaces: Vec::new(),
            inserts: Vec::new(),
            appends: Vec::new(),
            on_hosts: Vec::new(),
        }
    }

    /// The release that is forked when nothing names one; none is the newest.
    pub(crate) fn default(&self) -> Option<&Version> {
        (!self.automatic).then_some(&self.default)
    }

    /// The crates that there are recipes for.
    pub(crate) fn names() -> Vec<&'static str> {
        let mut names: Vec<&str> = embedded::below("patches")
            .filter_map(|(name, _)| name.strip_suffix(".toml"))
            .collect();
        names.sort_unstable();
        names
    }

    /// The pin of a release, if it was tried.
    pub(crate) fn pin(&self, version: &Version) -> Option<&Pin> {
        self.pins.iter().find(|pin| pin.version == *version)
    }

    /// Whether the recipe is meant for a release.
    pub(crate) fn supports(&self, version: &Version) -> bool {
        // A range never matches a pre-release that it does not name.
        self.automatic || self.supported.iter().any(|range| range.matches(version))
    }
}

impl Why {
    /// Whether the entry is for a release.
    pub(crate) fn applies(&self, version: &Version) -> bool {
        self.versions
            .as_ref()
            .is_none_or(|range| range.matches(version))
    }
}

impl Left {
    /// Whether the entry is about a file.
    pub(crate) fn covers(&self, path: &str) -> bool {
        match self.file.strip_suffix("**") {
            Some(folder) => path.starts_with(folder),
            None => path == self.file,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_recipe_is_sound() {
        for name in Recipe::names() {
            let recipe = Recipe::embedded(name).unwrap().unwrap();
            assert_eq!(recipe.name, name);
            assert!(!recipe.until.is_empty());
            assert!(recipe.supports(&recipe.default), "{name}");
            assert!(recipe.pin(&recipe.default).is_some(), "{name}");
            for pin in &recipe.pins {
                assert!(recipe.supports(&pin.version), "{name} {}", pin.version);
                assert_eq!(pin.checksum.len(), 64);
                for along in &recipe.with {
                    let other = Recipe::embedded(along).unwrap().unwrap();
                    assert!(other.pin(&pin.with[along]).is_some(), "{along}");
                }
            }
        }
    }

    #[test]
    fn an_unknown_kind_of_entry_is_an_error() {
        let text = "crate = 'a'\nsupported = []\ndefault = '1.0.0'\nuntil = 'x'\n[[sahre]]\n";
        let error = Recipe::parse("a", text).unwrap_err();
        assert_eq!(error.to_string(), "patches/a.toml is no recipe");
    }

    #[test]
    fn an_entry_without_a_reason_is_an_error() {
        let text = "crate = 'a'\nsupported = []\ndefault = '1.0.0'\nuntil = 'x'\n\
                    [[share]]\nfile = 'src/lib.rs'\nname = 'A'\nreason = ' '\n";
        let error = Recipe::parse("a", text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "patches/a.toml has an entry without a reason: share of src/lib.rs"
        );
    }

    #[test]
    fn globs_cover_folders() {
        let left = |file: &str| Left {
            why: Why {
                reason: String::new(),
                until: None,
                versions: None,
            },
            file: file.to_owned(),
            names: None,
            lazy: false,
        };
        assert!(left("src/a/**").covers("src/a/b/c.rs"));
        assert!(!left("src/a/**").covers("src/ab.rs"));
        assert!(left("src/a.rs").covers("src/a.rs"));
        assert!(!left("src/a.rs").covers("src/a.rs.bak"));
    }
}
