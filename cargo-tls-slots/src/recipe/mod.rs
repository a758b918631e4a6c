//! Recipes: what a fork changes in one upstream crate, and why.
//!
//! # The problem
//!
//! Of each static somebody has to say whether two copies must agree on it. And upstream's source
//! must not be kept here: a patch with context lines would hold it, and would break at each
//! release.
//!
//! # The way
//!
//! A recipe is data, one file of `patches/` for a crate; `patches/README.md` describes the format
//! for those who write one. Each *entry* names what it is about by a name or by a short run of
//! tokens. An entry that does not match exactly as often as it says is an error, and so is a static
//! that no entry is about: a new release either fits or says what is new in it.
//!
//! | file | what |
//! | --- | --- |
//! | [`format`](mod@format) | a recipe's file as a whole |
//! | [`entry`] | one file for each kind of entry: its keys, and what it does |
//! | [`apply`] | applies all entries to the files of a release |
//! | [`alternatives`] | what other releases have in the place of an entry's tokens |
//! | [`claim`] | what entries say of statics, and which static an entry means |
//! | [`count`] | how often a run of tokens is there |
//! | [`signature`] | reads a function's signature, for `[[on_host]]` |
//! | [`why`] | what every entry carries: its reason, and when it can go |
//! | [`about`] | the same, with the file that an entry is about |

pub(crate) mod about;
pub(crate) mod apply;
pub(crate) mod entry;
pub(crate) mod format;
pub(crate) mod why;

mod alternatives;
mod claim;
mod count;
mod signature;

pub(crate) use format::Recipe;
pub use format::RecipeError;

#[cfg(test)]
mod tests;
