//! The files of a crate, in memory.
//!
//! A fork is made whole before any of it is written: edits that do not fit are then found while
//! the folder on disk is still what it was.

use std::collections::BTreeMap;

/// Path inside the crate, with `/` on every platform, and contents.
///
/// Sorted by path, so that digests and messages do not depend on the order of a folder's entries.
pub(crate) type Tree = BTreeMap<String, Vec<u8>>;
