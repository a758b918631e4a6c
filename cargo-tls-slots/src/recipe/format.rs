//! A recipe's file as a whole.
//!
//! This is the model of the format that `patches/README.md` describes, and serde reads it:
//!
//! ```toml
//! crate = "upstream"
//! since = "1.2.0"
//! default = "1.2.3"
//! until = "…"
//!
//! [[share]]
//! file = "src/lib.rs"
//! name = "COUNTER"
//! reason = "…"
//! ```
//!
//! Unknown keys of the file are errors, so an entry with a misspelt kind does not silently do
//! nothing. Inside of an entry serde cannot see them, because of the flattened
//! [`Why`]: what an entry does not use is then shown by what it does not match.

use semver::{Version, VersionReq};
use serde::Deserialize;

use super::entry::append::Append;
use super::entry::cargo_toml::CargoToml;
use super::entry::insert::Insert;
use super::entry::kind::{EditEntry, Entry};
use super::entry::left::Left;
use super::entry::on_host::OnHost;
use super::entry::record::Record;
use super::entry::replace::Replace;
use super::entry::seam::Seam;
use super::entry::share::Share;
use super::entry::thread_local::ThreadLocal;
use super::entry::wakers::Wakers;
use super::why::Why;
use crate::embedded;

/// The recipe of one upstream crate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Recipe {
    /// The upstream crate.
    #[serde(rename = "crate")]
    pub(crate) name: String,
    /// The oldest release that the recipe is meant for. It is tried on every later one.
    pub(crate) since: Version,
    /// The release that is forked when nothing names one.
    pub(crate) default: Version,
    /// When the entries that do not say so themselves can go.
    pub(crate) until: String,
    /// What happens where each image has a copy of its own, in half a sentence. For `audit`; a
    /// procedural macro, which is in no image, has none.
    pub(crate) breaks: Option<String>,
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
    /// Releases that have nothing to share.
    #[serde(default)]
    pub(crate) stateless: Vec<Stateless>,
    /// Edits of `Cargo.toml`.
    pub(crate) cargo_toml: Option<CargoToml>,
    /// What the crate says about itself in the manifest of an image.
    pub(crate) record: Option<Record>,
    /// Macros that thread-locals go through.
    #[serde(default, rename = "seam")]
    pub(crate) seams: Vec<Seam>,
    /// Thread-locals that go through them.
    #[serde(default, rename = "thread_local")]
    pub(crate) thread_locals: Vec<ThreadLocal>,
    /// Statics that become process-wide.
    #[serde(default, rename = "share")]
    pub(crate) shares: Vec<Share>,
    /// Statics of which each copy has its own.
    #[serde(default, rename = "per_copy")]
    pub(crate) per_copies: Vec<Left>,
    /// Tokens that become another text.
    #[serde(default, rename = "replace")]
    pub(crate) replaces: Vec<Replace>,
    /// Texts beside tokens.
    #[serde(default, rename = "insert")]
    pub(crate) inserts: Vec<Insert>,
    /// Texts at the end of a file.
    #[serde(default, rename = "append")]
    pub(crate) appends: Vec<Append>,
    /// Functions that the host's copy runs.
    #[serde(default, rename = "on_host")]
    pub(crate) on_hosts: Vec<OnHost>,
    /// Wakers that are kept.
    #[serde(default)]
    pub(crate) wakers: Vec<Wakers>,
}

/// Releases of a crate that have no state, or none that two copies must agree on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stateless {
    /// Which.
    pub(crate) versions: VersionReq,
    /// How that is known.
    pub(crate) reason: String,
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
    /// An entry does not say why it exists, or says nothing where it says when it can go. Or
    /// `breaks` is empty.
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
    ///
    /// # Errors
    ///
    /// [`RecipeError::Parse`] if the text does not have the form of a recipe,
    /// [`RecipeError::NoReason`] if an entry does not say why it exists, or if `breaks` says
    /// nothing.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, RecipeError> {
        let recipe: Recipe = toml::from_str(text).map_err(|source| RecipeError::Parse {
            name: name.to_owned(),
            source,
        })?;
        let says_nothing = |text: &String| text.trim().is_empty();
        let bad = |(_, _, why): &(&str, &str, &Why)| !why.is_complete();
        let entry = match recipe.reasons().into_iter().find(bad) {
            Some((kind, file, _)) => format!("{kind} of {file}"),
            None if recipe.breaks.as_ref().is_some_and(says_nothing) => "breaks".to_owned(),
            None => return Ok(recipe),
        };
        let name = name.to_owned();
        Err(RecipeError::NoReason { name, entry })
    }

    /// The recipe that the command carries for an upstream crate, if it carries one.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub(crate) fn embedded(name: &str) -> Option<Result<Self, RecipeError>> {
        let text = embedded::file(&format!("patches/{name}.toml"))?;
        Some(Self::parse(name, text))
    }

    /// The crates that there are recipes for, sorted.
    pub(crate) fn names() -> Vec<&'static str> {
        let mut names: Vec<&str> = embedded::below("patches")
            .filter_map(|(name, _)| name.strip_suffix(".toml"))
            .collect();
        names.sort_unstable();
        names
    }

    /// Whether the recipe is meant for a release.
    pub(crate) fn supports(&self, version: &Version) -> bool {
        *version >= self.since && self.stateless(version).is_none()
    }

    /// Why a release needs no fork, if that is known.
    pub(crate) fn stateless(&self, version: &Version) -> Option<&str> {
        let mut all = self.stateless.iter();
        let known = all.find(|one| one.versions.matches(version))?;
        Some(&known.reason)
    }

    /// The entries about source files, each with its kind.
    pub(super) fn entries(&self) -> Vec<(&'static str, &dyn Entry)> {
        let mut all: Vec<(&'static str, &dyn Entry)> = Vec::new();
        macro_rules! add {
            ($($kind:literal $list:ident)*) => {$(
                all.extend(self.$list.iter().map(|one| ($kind, one as &dyn Entry)));
            )*};
        }
        add! {
            "share" shares
            "replace" replaces
            "thread_local" thread_locals
            "seam" seams
            "per_copy" per_copies
            "insert" inserts
            "append" appends
            "on_host" on_hosts
            "wakers" wakers
        }
        all
    }

    /// The entries that name the place of their edits, in the order in which edits of one place
    /// stand in the result.
    pub(super) fn edit_entries(&self) -> Vec<&dyn EditEntry> {
        let mut all: Vec<&dyn EditEntry> = Vec::new();
        all.extend(self.replaces.iter().map(|one| one as &dyn EditEntry));
        all.extend(self.inserts.iter().map(|one| one as &dyn EditEntry));
        all.extend(self.appends.iter().map(|one| one as &dyn EditEntry));
        all.extend(self.on_hosts.iter().map(|one| one as &dyn EditEntry));
        all.extend(self.wakers.iter().map(|one| one as &dyn EditEntry));
        all
    }

    /// Every entry's kind, file and reason, those about `Cargo.toml` included.
    fn reasons(&self) -> Vec<(&'static str, &str, &Why)> {
        let cargo_toml = self.cargo_toml.iter().map(|one| ("cargo-toml", &one.why));
        let record = self.record.iter().map(|one| ("record", &one.why));
        let packages = cargo_toml.chain(record);
        let mut all: Vec<_> = packages
            .map(|(kind, why)| (kind, "Cargo.toml", why))
            .collect();
        let entries = self.entries().into_iter();
        all.extend(entries.map(|(kind, one)| (kind, &*one.about().file, &one.about().why)));
        all
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
        }
    }

    #[test]
    fn an_unknown_kind_of_entry_is_an_error() {
        let text = "crate = 'a'\nsince = '1.0.0'\ndefault = '1.0.0'\nuntil = 'x'\n[[sahre]]\n";
        let error = Recipe::parse("a", text).unwrap_err();
        assert_eq!(error.to_string(), "patches/a.toml is no recipe");
    }

    #[test]
    fn an_entry_without_a_reason_is_an_error() {
        let text = "crate = 'a'\nsince = '1.0.0'\ndefault = '1.0.0'\nuntil = 'x'\n\
                    [[share]]\nfile = 'src/lib.rs'\nname = 'A'\nreason = ' '\n";
        let error = Recipe::parse("a", text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "patches/a.toml has an entry without a reason: share of src/lib.rs"
        );
        let text = "crate = 'a'\nsince = '1.0.0'\ndefault = '1.0.0'\nuntil = 'x'\nbreaks = ' '\n";
        let error = Recipe::parse("a", text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "patches/a.toml has an entry without a reason: breaks"
        );
    }
}
