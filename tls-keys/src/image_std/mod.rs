//! Feature `std`: the image's own copy of std, and the host.
//!
//! The problem: std is a crate like any other, so each image has a copy of its own. Two copies
//! number threads alike, and neither catches the panics of the other.
//!
//! | file | what |
//! | --- | --- |
//! | `calls` | the host's functions that this feature calls |
//! | `panic` | how the panics of all images are caught |
//! | `present` | what the image's std is told when the image is loaded |

mod calls;
pub mod panic;
mod present;

pub use present::{Report, flush};
