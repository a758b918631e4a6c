//! What cargo gets: releases of upstream's crates, and what lock files say of them.
//!
//! # The problem
//!
//! A fork starts from exactly the release that the user's project would get. Where that comes from
//! is the user's business: a mirror, a private registry, vendored sources, credentials,
//! `--offline`.
//!
//! # The way
//!
//! cargo is asked. A throw-away [`project`] depends on `=x.y.z`, and `cargo metadata` says where
//! the package lies. cargo runs in the user's folder, so that folder's `.cargo/config.toml` holds.
//! Two other ways were rejected: a download of our own would know none of the above, and
//! `cargo vendor` copies the whole graph.
//!
//! | file | what |
//! | --- | --- |
//! | [`release`] | gets releases |
//! | [`list`] | asks which releases there are |
//! | [`resolve`] | asks which versions cargo would choose, and gets nothing |
//! | [`lockfile`] | reads lock files |
//! | [`error`] | sorts cargo's failures by what the user can do |

pub(crate) mod error;
#[cfg(feature = "command")]
pub(crate) mod list;
pub(crate) mod lockfile;
pub(crate) mod release;
pub(crate) mod resolve;

mod project;
