//! Every symbol and section name of the project, in one file.
//!
//! A host and its modules agree on nothing but these names and on the layout of
//! the types in `abi`. Both change together, and the `v1` in a name says which pair it is: an image
//! of another version fails to find the host's symbols instead of misreading them.
//!
//! | name | what | defined by | used by |
//! | --- | --- | --- | --- |
//! | `tls_slots_keys_v1` | section of `Key`s | every image | its own constructor |
//! | `tls_slots_manifest_v1` | section of bytes: the manifest | every image | readers of the file |
//! | `tls_slots_table_v1` | a thread's table of pointers to values | host | inline `asm!` |
//! | `tls_slots_value_v1` | returns that table | host | targets without inline access |
//! | [`EXPORTED`] | the functions in `shared/calls/mod.rs` | host | every image |
//! | `tls_slots_entry_v1_NAME` | an entry of a module | module | host, by `dlsym` |
//!
//! Attributes such as `#[link_section]` take only literals, so the files that use a name repeat it.
//! Tests compare them with this file (`tests/names.rs`), and compare this file with the list in
//! `tls-slots-build` and with what a host exports.

/// The version of the binary interface: the `1` in all the names.
pub const ABI: u32 = 1;

/// The functions that every host exports.
///
/// The table, or the function that returns it, comes on top: which of the two depends on the
/// target.
pub const EXPORTED: &[&str] = &[
    // Images and keys.
    "tls_slots_register_v1",
    "tls_slots_unregister_v1",
    "tls_slots_explain_v1",
    // A thread's values.
    "tls_slots_get_v1",
    "tls_slots_reserve_v1",
    // Memory.
    "tls_slots_alloc_v1",
    "tls_slots_dealloc_v1",
    "tls_slots_alloc_zeroed_v1",
    "tls_slots_realloc_v1",
    // Each image's std.
    "tls_slots_present_std_v1",
    "tls_slots_try_v1",
    "tls_slots_owner_v1",
    // Unloading.
    "tls_slots_count_v1",
    "tls_slots_hold_v1",
    "tls_slots_quiescent_state_v1",
    "tls_slots_runtime_v1",
    "tls_slots_on_unload_v1",
];

/// The thread's table, where accesses are inline.
pub const TABLE: &str = "tls_slots_table_v1";

/// The function that returns the thread's table, where accesses are calls.
pub const TABLE_FUNCTION: &str = "tls_slots_value_v1";

/// The section that holds an image's keys, as ELF spells it.
pub const KEYS_SECTION: &str = "tls_slots_keys_v1";

/// The section that holds an image's manifest, as ELF spells it. Mach-O and PE have no room for so
/// long a name, see `shared/object/`.
pub const MANIFEST_SECTION: &str = "tls_slots_manifest_v1";

/// What a module's entry symbol starts with; the entry's name follows.
///
/// Without the prefix, an entry called `write` would become a symbol `write`, which would take the
/// place of libc's in a statically linked program.
pub const ENTRY_PREFIX: &str = "tls_slots_entry_v1_";

/// How many pointers a thread's table holds. Slot 0 is reserved and stays null.
///
/// Keys beyond the table still work. They resolve to slot 0, so the inline access finds null and
/// takes the cold path, which looks the value up among the thread's values.
pub const TABLE_SLOTS: usize = 128;
