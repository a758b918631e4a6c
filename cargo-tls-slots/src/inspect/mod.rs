//! Reads what a host or module says about itself, from the file alone.
//!
//! The problem: whoever packages a host and its modules has the files, and often cannot run them.
//! The files may be of another architecture, or as large as a hundred megabytes.
//!
//! The way: each image carries a *manifest*, plain bytes in a section of their own: see
//! `tls-slots-manifest`. Only that section and the file's tables are read, and nothing is loaded
//! or run.
//!
//! A file that is no host and no module can be many things, and each has a sentence of its own: see
//! [`Error`].
//!
//! | file | what it does |
//! | --- | --- |
//! | `read.rs` | from a path to an [`Image`] |
//! | `render.rs`, `json.rs` | an image as text and as JSON |
//! | `image.rs`, `error.rs` | what comes out |

mod error;
mod image;
mod json;
mod read;
mod render;

pub use error::Error;
pub use image::Image;
pub use read::read;

pub(crate) use read::exports_host;
