//! Unloading: a module is unmapped for real, or stays and says why.
//!
//! The problem: `dlclose` unmaps code that somebody will still run, which is a crash a second later. Or it
//! leaves the file mapped, and does not say so. So a module goes in steps, and each step can say no:
//!
//! | step | what | who may say no |
//! | --- | --- | --- |
//! | close | new calls are refused; a new `load` of the file gives a new image | other `Module`s of this image |
//! | shut down | the module's entry `shutdown`, if it has one (`unload` only) | |
//! | drain | calls, tasks, blocking calls, threads, holds end; tasks are aborted (`unload` only) | whatever is alive |
//! | drop | destructors of thread-locals run on the threads that they belong to | threads that cannot be asked |
//! | leave | every thread has left the last instructions  | threads that were not seen outside |
//! | unmap | `dlclose`, and a look at what is mapped | whoever else keeps it open |
//!
//! Before the step *drop* nothing has happened to the module, and a failure gives it back as it was. From
//! that step on, its thread-locals are gone on some threads. It takes no calls any more, but unloading it
//! can be tried again.
//!
//! | file | what |
//! | --- | --- |
//! | `now.rs` | `try_unload`: without waiting |
//! | `future.rs`, `work.rs` | `unload`: a future, and the thread that does the work |
//! | `gate.rs` | close |
//! | `ask.rs` | drop: threads are asked to give up what they have |
//! | `outside.rs` | leave |
//! | `unmap.rs` | unmap |
//! | `error.rs` | why a module stays |

pub(crate) mod ask;
mod error;
mod future;
mod gate;
mod now;
mod outside;
mod unmap;
mod work;

pub use error::{UnloadError, UnloadProblem};
pub use future::Unload;
