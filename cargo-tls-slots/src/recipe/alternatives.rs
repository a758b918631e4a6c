//! Alternatives: one edit that upstream's releases spell in several ways.
//!
//! An entry names its place by tokens. Where releases differ in them, the entry has an `or`: other
//! tokens, perhaps of another file, each with the text that belongs to them. Which of them is used
//! follows from the release's text, so nobody has to keep a table of versions.

use std::ops::Range;

use super::count::{Misfit, places};
use crate::source::edit::Edit;
use crate::source::library::Library;

/// An edit of one file of a library.
pub(super) type InFile = (String, Edit);

/// One way to name a place.
pub(super) struct Alternative<'e> {
    /// The file.
    pub(super) file: &'e str,
    /// The run of tokens that is there.
    pub(super) run: &'e str,
    /// How often it is there. `None` is any number of times.
    pub(super) count: Option<usize>,
}

/// The index of the first of the `alternatives` that fits the library, and its places in bytes.
///
/// # Errors
///
/// [`Misfit`] with what is wrong with each of them.
pub(super) fn choose(
    library: &Library<'_>,
    alternatives: &[Alternative<'_>],
) -> Result<(usize, Vec<Range<usize>>), Misfit> {
    let mut misfits = Vec::new();
    for (index, one) in alternatives.iter().enumerate() {
        let found = match library.file(one.file) {
            Some(file) => places(&file.source, one.run, one.count),
            None => Err(Misfit {
                is_absent: true,
                message: format!("{} is not there, but the recipe edits it", one.file),
            }),
        };
        match found {
            Ok(places) => return Ok((index, places)),
            Err(misfit) => misfits.push(misfit),
        }
    }
    let messages: Vec<_> = misfits.iter().map(|misfit| &*misfit.message).collect();
    Err(Misfit {
        is_absent: misfits.iter().all(|misfit| misfit.is_absent),
        message: messages.join(", and "),
    })
}
