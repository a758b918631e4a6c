//! Windows: the file itself, which nobody can change while it is open here.
//!
//! It was opened so that others may read it only; a file that is loaded cannot be written to in any case.
//! Not run by the authors.

use std::fs::File;
use std::io;

use super::place::{Original, Place, Way};

pub(super) const WAYS: &[Way] = &[kept_open];

fn kept_open(original: &Original<'_>) -> io::Result<Place> {
    Ok(Place {
        open_as: original.real.to_owned(),
        keep: Some(original.file.try_clone()?),
        until_open: None,
    })
}

pub(super) fn by_descriptor(_: &File) -> io::Result<Place> {
    Err(io::ErrorKind::Unsupported.into())
}
