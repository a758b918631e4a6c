//! The atomics that a key is made of, named in one file.
//!
//! The models of `tls-slots` (its `tests/loom`) compile this crate's files as they are, except this
//! one: they put loom's atomics in its place.

pub(crate) use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
