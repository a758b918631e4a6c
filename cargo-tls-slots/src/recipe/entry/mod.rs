//! The kinds of a recipe's entries: the keys of each, and what each does.
//!
//! | entry | says of statics | edits |
//! | --- | --- | --- |
//! | [`Share`](share::Share) | one becomes process-wide | the engine wraps it |
//! | [`ThreadLocal`](thread_local::ThreadLocal) | one goes through a seam | |
//! | [`Seam`](seam::Seam) | those in a macro's definition are patterns | |
//! | [`Left`](left::Left) | some stay as they are | |
//! | [`Replace`](replace::Replace) | those in the run are shared | tokens become a text |
//! | [`Insert`](insert::Insert) | | a text beside tokens |
//! | [`Append`](append::Append) | | a text at the end of a file |
//! | [`OnHost`](on_host::OnHost) | | a function begins with a call of the host's copy |
//! | [`Wakers`](wakers::Wakers) | | clones of wakers become calls of ours |
//! | [`CargoToml`](cargo_toml::CargoToml) | | what upstream's `Cargo.toml` gets |
//! | [`Record`](record::Record) | | what the crate says about itself |
//!
//! The first nine implement [`Entry`](kind::Entry), those with edits of sources
//! [`EditEntry`](kind::EditEntry) as well.

pub(crate) mod append;
pub(crate) mod cargo_toml;
pub(crate) mod insert;
pub(crate) mod kind;
pub(crate) mod left;
pub(crate) mod on_host;
pub(crate) mod record;
pub(crate) mod replace;
pub(crate) mod seam;
pub(crate) mod share;
pub(crate) mod thread_local;
pub(crate) mod wakers;
