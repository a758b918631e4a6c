//! The atomics that a key is made of, named in one place.
//!
//! The models of `tls-slots` (its `tests/loom`) compile this crate's files as they are, but for this
//! one, in whose place they put loom's atomics.

pub(crate) use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
