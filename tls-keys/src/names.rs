//! Every symbol and section name of the project, in one place.
//!
//! A host and its modules agree on nothing but these names and on the layout of
//! [`abi`](crate::abi). Both change together, and the `v1` in a name says which pair it is: an
//! image of another ABI then fails to find the host's symbols instead of misreading them.
//!
//! | name | what | who defines it | who refers to it |
//! | --- | --- | --- | --- |
//! | `tls_slots_keys_v1` | section of [`Key`](crate::abi::Key)s (`__start_`/`__stop_` on ELF) | every image | its own constructor |
//! | `tls_slots_manifest_v1` | section of plain bytes, the image's manifest (`__start_`/`__stop_` on ELF) | every image | its own constructor, and readers of the file |
//! | `tls_slots_table_v1` | thread-local table of value pointers | host | every image, by inline `asm!` |
//! | `tls_slots_register_v1` | takes an image's keys | host | constructor of every image |
//! | `tls_slots_unregister_v1` | forgets an image | host | destructor of every image |
//! | `tls_slots_get_v1` | cold path of a thread-local | host | every image |
//! | `tls_slots_reserve_v1` | storage for a new value | host | every image |
//! | `tls_slots_explain_v1` | why a key is unresolved | host | every image |
//! | `tls_slots_alloc_v1` | memory for modules: `GlobalAlloc::alloc` | host | `HostAllocator` of every image |
//! | `tls_slots_dealloc_v1` | `GlobalAlloc::dealloc` | host | likewise |
//! | `tls_slots_alloc_zeroed_v1` | `GlobalAlloc::alloc_zeroed` | host | likewise |
//! | `tls_slots_realloc_v1` | `GlobalAlloc::realloc` | host | likewise |
//! | `tls_slots_present_std_v1` | takes care of an image's std | host | second constructor of an image, feature `std` |
//! | `tls_slots_try_v1` | catches the panics of all images | host | every image, feature `std` |
//! | `tls_slots_owner_v1` | whose panic an exception is | host | every image, feature `std` |
//! | `tls_slots_count_v1` | counts for a thread that is ending | host | every image |
//! | `tls_slots_hold_v1` | something named holds an image, or no longer | host | `Hold` of every image |
//! | `tls_slots_quiescent_state_v1` | a thread gives up what it has of modules that are unloaded | host | runtimes |
//! | `tls_slots_runtime_v1` | takes a runtime that can be woken | host | the host's copy of a runtime |
//! | `tls_slots_on_unload_v1` | notes what a shared crate does when an image is unloaded | host | every image |
//! | `tls_slots_value_v1` | the table by function call | host | images on targets without inline access |
//! | `tls_slots_entry_v1_NAME` | an entry of a module | module | host, by `dlsym` |
//!
//! Attributes such as `#[link_section]` take only literals, so the macros and the object-format
//! files repeat the section's name; a test compares them with this page.

/// The version of the binary interface: the `1` in all the names.
pub const ABI: u32 = 1;

/// The section that holds an image's keys, as ELF and PE spell it.
pub const KEYS_SECTION: &str = "tls_slots_keys_v1";

/// The section that holds an image's manifest, as ELF spells it. Mach-O and PE have no room for so long a
/// name, see the object-format files.
pub const MANIFEST_SECTION: &str = "tls_slots_manifest_v1";

/// What a module's entry symbol starts with; the entry's name follows.
///
/// The prefix is not decoration: an entry called `write` must not become a symbol `write`, which
/// would take the place of libc's in a statically linked program.
pub const ENTRY_PREFIX: &str = "tls_slots_entry_v1_";

/// How many pointers a thread's table holds. Slot 0 is reserved and stays null.
///
/// Keys beyond the table still work: they resolve to slot 0, so the inline access finds null and
/// takes the cold path, which looks the value up in the thread's record.
pub const TABLE_SLOTS: usize = 128;
