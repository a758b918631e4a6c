//! Whether an image fits this host.
//!
//! | file | compares |
//! | --- | --- |
//! | `manifest.rs` | what both images say of themselves |
//! | `allocator.rs` | which allocator each image has, found out by trying |
//!
//! Sizes and alignments of single keys are compared by the registry, key by key.

pub(crate) mod allocator;
pub(crate) mod manifest;
