//! Reading upstream's source text: what stands where, and what is state.
//!
//! # The problem
//!
//! A fork changes a few places of a crate that somebody else wrote, and must not change one byte
//! of the rest. And it must see *all* state: a static that nobody noticed silently exists once
//! per copy.
//!
//! # The way
//!
//! A file is read as one flat list of tokens with byte ranges. Every question about it is asked
//! of that list, every change is a byte range with another text. Both ways to fork a crate use
//! the same answers: [recipes](crate::recipe) and the [rule](crate::by_rule) for crates without
//! one.
//!
//! | file | question |
//! | --- | --- |
//! | [`tokens`] | which tokens does a file have, and which group is a token in? |
//! | [`statics`] | which statics and thread-locals does it declare? |
//! | [`place`] | in which item, block or macro does a token stand? |
//! | [`test_code`] | is it compiled for tests only? |
//! | [`types`] | is a type known to be immutable? |
//! | [`layout`] | which files of a package belong to its library? |
//! | [`module_files`] | which other files does a file take in? |
//! | [`library`] | all of these, for a library as a whole |
//! | [`cfgs`] | which cfgs do its conditions name? |
//! | [`root`] | what does the root file of a fork get? |
//! | [`edit`] | which text results from a list of changes? |
//! | [`problem`] | what does a person read about a place that does not fit? |
//! | [`tree`] | what are the files of a crate, in memory? |

pub(crate) mod cfgs;
pub(crate) mod edit;
pub(crate) mod layout;
pub(crate) mod library;
pub(crate) mod module_files;
pub(crate) mod place;
pub(crate) mod problem;
pub(crate) mod root;
pub(crate) mod statics;
pub(crate) mod test_code;
pub(crate) mod tokens;
pub(crate) mod tree;
pub(crate) mod types;
