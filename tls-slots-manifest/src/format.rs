//! The format of a manifest.
//!
//! A section is a sequence of records, in any order, as the linker put them one after the other.
//! Any number of zeroes may stand between them. All numbers are little-endian.
//!
//! ```text
//! record   magic: 8 bytes | format: u16 | kind: u16 | length: u32 | fields, `length` bytes
//! field    tag: u16 | length: u32 | contents, `length` bytes
//! ```
//!
//! | kind | what | who writes it |
//! | --- | --- | --- |
//! | 1 | the compiler; exactly one, or several that are equal | `tls-keys` |
//! | 2 | a forked crate | a file that `fork` generates in it |
//! | 3 | a key | the macros that declare keys |
//! | 4 | the global allocator; at most one, or several that are equal | whoever declares it |
//!
//! The tags of a kind count from 1, in the order of the names in `parse/record.rs`; a key's cfgs
//! have tag 13. Contents are text (UTF-8) or a number (`u64`). Where a field may occur several
//! times, they are one of
//!
//! ```text
//! feature, cfg  flags: u8 | name
//! dependency    flags: u8 | length of the name: u32 | name | version
//! type          size: u64 | align: u64 | fields: u64 | name
//! ```
//!
//! Tags 8 and 9 of the compiler are texts that may be absent: rustc's flags that change the binary
//! interface, `name=value` each, with a space between two; and what sources may ask for by `cfg!`.
//! Tag 9 of a crate is a text, its name in Rust.
//!
//! A reader skips a kind or a tag that it does not know: later versions may tell more. If a reader
//! must understand something new to tell whether two images fit, the format gets a new number. A
//! record of another format is an error.
//!
//! The writer's half is `record.rs` of `tls-keys`. Tools that only read must not link `tls-keys`,
//! so the numbers stand in both crates. A test of `tls-keys` reads back what it writes.

/// What each record starts with. Not zero, and not valid UTF-8.
pub(crate) const MAGIC: [u8; 8] = *b"\xA7tlsrec\n";

/// Bytes of a record before its fields.
pub(crate) const HEADER: usize = 16;

/// The format that is described here.
pub(crate) const FORMAT: u16 = 1;

/// Kinds of records.
pub(crate) const COMPILER: u16 = 1;
pub(crate) const CRATE: u16 = 2;
pub(crate) const KEY: u16 = 3;
pub(crate) const ALLOCATOR: u16 = 4;

/// Bits of the flags of features, cfgs and dependencies.
pub(crate) const ENABLED: u8 = 1;
pub(crate) const GROUP: u8 = 2;
