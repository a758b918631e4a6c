//! The guide's Rust blocks, compiled and run as documentation tests.
//!
//! The problem: an example in a Markdown page rots unseen. So each page with Rust blocks is the
//! documentation of an item here, and rustdoc does the rest. `tests/tests/guide.rs` fails when a
//! page has such blocks and no item.
//!
//! A block that is marked `ignore` needs the forked tokio. `cargo-tls-slots/tests/readme.rs` builds
//! README's blocks.

#[doc = include_str!("../../docs/forking.md")]
pub struct Forking;

#[doc = include_str!("../../docs/loader.md")]
pub struct Loader;

#[doc = include_str!("../../docs/migrating-libloading.md")]
pub struct MigratingLibloading;

#[doc = include_str!("../../docs/must-agree.md")]
pub struct MustAgree;

#[doc = include_str!("../../docs/panics.md")]
pub struct Panics;

#[doc = include_str!("../../docs/sharing.md")]
pub struct Sharing;

#[doc = include_str!("../../docs/type-ids.md")]
pub struct TypeIds;

#[doc = include_str!("../../docs/unloading.md")]
pub struct Unloading;
