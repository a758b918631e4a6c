//! How an upstream crate is forked: with its recipe, or by rule.
//!
//! The steps of a fork ask here and do not care which of the two it is:
//!
//! | question | with a recipe | by rule |
//! | --- | --- | --- |
//! | which releases? | from the one that it says on | all |
//! | which one, if nothing says? | its default | the newest |
//! | which have nothing to share? | those that it says | none |
//! | what is forked along? | what it says | nothing |
//! | which of our crates? | those that it names | the same ones for all |
//! | which were tried? | those of the table of releases | none |

use semver::Version;

use super::left::Why;
use crate::recipe::format::{Recipe, RecipeError};
use crate::release_table::{Facts, Table};
use crate::upstream::release::compatible;

/// Our crates that every fork by rule needs beside it.
const COMPANIONS: [&str; 4] = ["tls-keys", "tls-slots", "tls-slots-build", "tls-slots-load"];

/// How an upstream crate is forked.
#[derive(Clone, Debug)]
pub(super) enum Method {
    /// Somebody has thought about its state.
    Recipe(Box<Recipe>),
    /// Nobody has: all state is shared, see [`by_rule`](crate::by_rule).
    Rule,
}

impl Method {
    /// The method for the crate `name`.
    ///
    /// # Errors
    ///
    /// If the command carries a recipe for it that is wrong.
    pub(super) fn of(name: &str) -> Result<Self, RecipeError> {
        Ok(match Recipe::embedded(name) {
            Some(recipe) => Method::Recipe(Box::new(recipe?)),
            None => Method::Rule,
        })
    }

    /// The recipe, if there is one.
    pub(super) fn recipe(&self) -> Option<&Recipe> {
        match self {
            Method::Recipe(recipe) => Some(recipe),
            Method::Rule => None,
        }
    }

    /// The release that is forked when nothing names one. `None` is the newest.
    pub(super) fn default_version(&self) -> Option<&Version> {
        self.recipe().map(|recipe| &recipe.default)
    }

    /// The upstream crates that are forked along.
    pub(super) fn with(&self) -> &[String] {
        self.recipe().map_or(&[], |recipe| &recipe.with)
    }

    /// Our crates that the fork needs beside it.
    pub(super) fn companions(&self) -> Vec<String> {
        match self {
            Method::Recipe(recipe) => recipe.companions.clone(),
            Method::Rule => COMPANIONS.map(str::to_owned).to_vec(),
        }
    }

    /// What is known of a release that was tried.
    pub(super) fn tried(&self, version: &Version) -> Option<&'static Facts> {
        Table::embedded().facts(&self.recipe()?.name, version)
    }

    /// Why a release is known not to be forked, without a look at its sources. The rule is meant
    /// for all releases.
    pub(super) fn unfit(&self, version: &Version) -> Option<Why> {
        let recipe = self.recipe()?;
        match recipe.stateless(version) {
            Some(reason) => Some(Why::Stateless(reason.to_owned())),
            None => (!recipe.supports(version)).then(|| Why::Old(recipe.since.clone())),
        }
    }

    /// A release that was tried and that cargo takes for compatible with one that does not fit:
    /// the next newer one, or else the newest of all.
    pub(super) fn instead(&self, version: &Version) -> Option<Version> {
        let tried = Table::embedded().releases(&self.recipe()?.name);
        let tried = tried.filter(|(_, facts)| facts.forks.is_yes());
        let tried = tried.map(|(version, _)| version);
        let range = compatible(version);
        let fits = |other: &&Version| compatible(other) == range && *other != version;
        let (newer, older): (Vec<_>, Vec<_>) =
            tried.filter(fits).partition(|other| *other > version);
        newer.into_iter().min().or(older.into_iter().max()).cloned()
    }
}
