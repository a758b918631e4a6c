//! Locks whose poison does not matter.
//!
//! A lock is poisoned when a thread panics with it. Nothing in this program panics between two
//! changes that belong together, so the data behind a poisoned lock is whole.

use std::sync::{LockResult, PoisonError};

/// The guard, or whatever else a lock gives, also after a panic.
pub(crate) fn unpoisoned<G>(lock: LockResult<G>) -> G {
    lock.unwrap_or_else(PoisonError::into_inner)
}
