//! Hot reload: a host that runs on while its module is built anew.
//!
//! The problem: `dlopen` gives the old code for a path that it knows, a file may be looked at while it is
//! written, a new build may not fit, and an old one cannot be unmapped while calls of it run. And none of the
//! calls that come meanwhile may fail for any of these reasons.
//!
//! A [`Reload`] has a thread that watches the file. Each build of it is a [`Generation`], which goes this way:
//!
//! | step | if it fails | event |
//! | --- | --- | --- |
//! | the file changes, and is complete as far as can be seen | | |
//! | it is checked, copied and loaded as [`Module::load`] does, beside the old build | the old one stays | `Refused` |
//! | | | `Loaded` |
//! | the host binds its entries, and says whether it likes it | the old one stays, the new one is unloaded | `Refused` |
//! | new calls go to the new build | | `Switched` |
//! | nobody holds the old [`Generation`] any more | it stays; tried again | `StillInUse` |
//! | the old one is unloaded as [`Module::unload`] does | it stays; tried again | `StillInUse` |
//! | | | `Unloaded` |
//!
//! | file | what |
//! | --- | --- |
//! | `handle.rs`, `options.rs`, `calls.rs` | what a host uses |
//! | `worker.rs` | the thread |
//! | `retiring.rs` | an old build on its way out |
//! | `message.rs` | what the thread is told |
//! | `event.rs` | what is reported |
//! | `generation.rs` | one build |
//! | `cell.rs` | which build is the newest, without a lock |
//!
//! # No call is lost
//!
//! A generation is closed ([`CallError::Closed`](crate::CallError::Closed)) only when nobody can call it any more:
//! when no thread is between reading which generation is the newest and beginning its call, and nobody
//! holds an `Arc` of it. So a call by a [`ReloadEntry`], or by what [`Reload::current`] has given, begins; in the
//! newest generation, or in one that was the newest when it was asked for. Once `Switched` was reported, no
//! call of a [`ReloadEntry`] begins in an older one.
//!
//! # State
//!
//! Statics of a module are those of its generation. What must survive lives in the host, or in shared keys. What
//! a generation needs for itself, such as the sending half of a channel whose receiver a long-lived call of it
//! has, belongs into the value that `bind` returns: it is dropped when the generation is let go, and so the call
//! ends before the module is unloaded.

mod calls;
mod cell;
mod event;
mod file;
mod generation;
mod handle;
mod message;
mod next_build;
mod options;
mod retiring;
mod worker;

pub use calls::{ReloadEntry, ReloadFunction};
pub use event::{ReloadError, ReloadEvent};
pub use generation::Generation;
pub use handle::Reload;
pub use options::ReloadOptions;
