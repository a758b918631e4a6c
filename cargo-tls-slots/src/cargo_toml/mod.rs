//! `Cargo.toml`s: what they say, and edits that keep comments and order.
//!
//! | file | whose | what |
//! | --- | --- | --- |
//! | [`read`] | anybody's | the library's root, features and dependencies as they are declared |
//! | [`forks`] | upstream's | gets what the fork needs |
//! | [`ours`] | our crates' | loses what ties it to this repository |
//! | [`users`] | the user's | gets the patch lines |
//! | [`path`] | | paths as these files have them |
//!
//! Errors are ends of a sentence, such as "has a feature `a` already". Whose file is the subject,
//! the caller knows.

pub(crate) mod forks;
pub(crate) mod ours;
pub(crate) mod path;
pub(crate) mod read;
pub(crate) mod users;

mod document;
