//! The symbols that every host exports.
//!
//! `tls-keys` has the same list, with what each symbol does (`src/names.rs` there). This crate must
//! not depend on that one, as it is a build-dependency. So the list is repeated, and a test
//! compares them.

/// The functions that every host exports.
pub(crate) const FUNCTIONS: [&str; 17] = [
    "tls_slots_register_v1",
    "tls_slots_unregister_v1",
    "tls_slots_explain_v1",
    "tls_slots_get_v1",
    "tls_slots_reserve_v1",
    "tls_slots_alloc_v1",
    "tls_slots_dealloc_v1",
    "tls_slots_alloc_zeroed_v1",
    "tls_slots_realloc_v1",
    "tls_slots_present_std_v1",
    "tls_slots_try_v1",
    "tls_slots_owner_v1",
    "tls_slots_count_v1",
    "tls_slots_hold_v1",
    "tls_slots_quiescent_state_v1",
    "tls_slots_runtime_v1",
    "tls_slots_on_unload_v1",
];

/// The thread's table, on targets where `tls-keys` accesses it inline.
pub(crate) const TABLE: &str = "tls_slots_table_v1";

/// The function that returns the thread's table, on all other targets.
pub(crate) const TABLE_FUNCTION: &str = "tls_slots_value_v1";

#[cfg(test)]
#[path = "../../tls-keys/src/names.rs"]
#[allow(dead_code, unreachable_pub)] // some of its names do not concern this crate
mod names;

#[cfg(test)]
mod tests {
    use super::{FUNCTIONS, TABLE, TABLE_FUNCTION, names};

    #[test]
    fn the_symbols_are_those_of_tls_keys() {
        assert_eq!(FUNCTIONS, names::EXPORTED);
        assert_eq!(TABLE, names::TABLE);
        assert_eq!(TABLE_FUNCTION, names::TABLE_FUNCTION);
    }
}
