//! Unloading: a module is unmapped for real, or it stays and says why.
//!
//! # The problem
//!
//! `dlclose` unmaps code that somebody is still going to run, which is a crash a second later. Or
//! it leaves the file mapped, and does not say so.
//!
//! # The way
//!
//! A module goes in steps, and each step can refuse:
//!
//! | step | what happens | what can refuse |
//! | --- | --- | --- |
//! | gate | new calls are refused; a new `load` of the file gives a new image | other `Module`s of this image |
//! | shutdown | the module's entry `shutdown` is called, if there is one (only by `unload`) | |
//! | wait | calls, tasks, blocking calls, threads and holds end; tasks are aborted (only by `unload`) | whatever is alive |
//! | drop | destructors of thread-locals run on the threads that they belong to | threads that cannot be asked |
//! | see | every thread has left the last instructions of the module | threads that were not seen outside |
//! | close | `dlclose` | |
//! | look | is the memory unmapped? | whatever else keeps the file open |
//!
//! Before the step *drop* nothing has happened to the module. If a step refuses, the module goes on
//! as before. From that step on, some threads have lost their thread-locals of the module. So it
//! takes no more calls, but the host can try again to unload it.
//!
//! # How it fits
//!
//! | file | what |
//! | --- | --- |
//! | `future.rs`, `work.rs` | `unload`: a future, and the thread that does the work |
//! | `now.rs` | `try_unload`: without waiting |
//! | `gate.rs` | gate |
//! | `requests.rs` | drop: other threads are asked |
//! | `outside.rs` | see |
//! | `unmap.rs` | close and look |
//! | `error.rs` | why a module stays |

mod error;
mod future;
mod gate;
mod now;
mod outside;
pub(crate) mod requests;
mod unmap;
mod work;

pub use error::{UnloadError, UnloadProblem};
pub use future::Unload;
