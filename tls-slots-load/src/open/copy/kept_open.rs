//! Windows: the file itself, which nobody can change while this process has it open.
//!
//! `file.rs` opens it so that others may read it only. Besides, a file that is loaded cannot be
//! written to. **Not run by the authors.**

use std::fs::File;
use std::io;

use super::openable::{Openable, Original, Way};

pub(super) const WAYS: &[Way] = &[original_kept_open];

fn original_kept_open(original: &Original<'_>) -> io::Result<Openable> {
    Ok(Openable {
        path: original.real.to_owned(),
        kept_open: Some(original.file.try_clone()?),
        until_open: None,
    })
}

/// Windows has no path that means a descriptor's file.
pub(super) fn by_descriptor(_: &File) -> io::Result<Openable> {
    Err(io::ErrorKind::Unsupported.into())
}
