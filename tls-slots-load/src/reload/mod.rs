//! Hot reload: the host goes on while its module is built again and again.
//!
//! # The problem
//!
//! For a path that it knows, `dlopen` gives the old code. A file may be read while it is written. A
//! new build may not fit. An old build cannot be unmapped while its calls run. And no call that
//! comes meanwhile may fail for any of these reasons.
//!
//! # The way
//!
//! A [`Reload`] has a thread that watches the file. Each build is a [`Generation`], and takes these
//! steps:
//!
//! | step | if it fails | event |
//! | --- | --- | --- |
//! | the file changes, and seems to be complete | | |
//! | it is checked, copied and loaded beside the old build, as by `Module::load` | the old build stays | `Refused` |
//! | | | `Loaded` |
//! | the host binds the entries, or refuses the build | the old build stays, the new one is unloaded | `Refused` |
//! | new calls go to the new build | | `Switched` |
//! | nobody holds the old [`Generation`] any more | it stays, and is tried again | `StillInUse` |
//! | the old build is unloaded, as by `Module::unload` | it stays, and is tried again | `StillInUse` |
//! | | | `Unloaded` |
//!
//! # How it fits
//!
//! | file | what |
//! | --- | --- |
//! | `handle.rs`, `options.rs`, `calls.rs` | what a host uses |
//! | `worker.rs` | the thread |
//! | `file.rs` | when to read the file |
//! | `next_build.rs` | loads what the file is now |
//! | `retiring.rs` | an old build on its way out |
//! | `message.rs` | what the thread is told |
//! | `event.rs` | what is reported |
//! | `generation.rs` | one build |
//! | `cell.rs` | which build is the newest, without a lock |
//!
//! # No call is lost
//!
//! A generation refuses calls ([`CallError::Closed`](crate::CallError::Closed)) only when nobody
//! can call it any more: nobody holds an `Arc` of it, and no thread is between the moment when it
//! reads which generation is the newest and the moment when it begins its call. So every call by a
//! [`ReloadEntry`], or by what [`Reload::current`] has given, begins. It begins in the newest
//! generation, or in one that was the newest when the caller asked. After `Switched` was reported,
//! no call of a [`ReloadEntry`] begins in an older generation.
//!
//! # State
//!
//! Each generation has its own statics. State that must survive belongs into the host, or into
//! shared keys. State that a generation needs for itself belongs into the value that `bind`
//! returns. It is dropped when nobody holds the generation any more, before the module is unloaded.
//! An example is the sending half of a channel: when it is dropped, a long call of the module that
//! receives from the channel ends.

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
