//! The table of scenarios: each on multi-thread and current-thread runtimes where that makes
//! sense, in four builds of host and modules.
//!
//! A row is one test per build and flavour, `dev_full::spawn::multi`, and one process. What a
//! scenario does stands in `fixtures/host` (the host's half) and `fixtures/bodies` (a module's).

use tls_slots_tests::fixtures::{
    DEV_FULL, DEV_NO_PARKING_LOT, RELEASE_FULL, RELEASE_NO_PARKING_LOT,
};

macro_rules! flavours {
    ($config:ident $name:ident both) => {
        flavours!($config $name multi);
        flavours!($config $name current);
    };
    ($config:ident $name:ident $flavour:ident) => {
        #[test]
        fn $flavour() {
            super::super::$config.built().assert_scenario(stringify!($flavour), stringify!($name));
        }
    };
}

macro_rules! build {
    ($module:ident $config:ident; $($flavours:ident $name:ident)*) => {
        mod $module {
            $(mod $name {
                flavours!($config $name $flavours);
            })*

            /// No scenario of the host is left out, and none is made up.
            #[test]
            fn the_table_is_complete() {
                let mut expected = Vec::new();
                $(
                    let flavours: &[&str] = match stringify!($flavours) {
                        "both" => &["multi", "current"],
                        other => &[other],
                    };
                    expected.push((stringify!($name).to_owned(), flavours.iter().map(|flavour| (*flavour).to_owned()).collect::<Vec<_>>()));
                )*
                let mut table = super::$config.built().table();
                expected.sort();
                table.sort();
                assert_eq!(table, expected);
            }
        }
    };
}

macro_rules! scenarios {
    ($($rows:tt)*) => {
        build! { dev_full DEV_FULL; $($rows)* }
        build! { dev_no_parking_lot DEV_NO_PARKING_LOT; $($rows)* }
        build! { release_full RELEASE_FULL; $($rows)* }
        build! { release_no_parking_lot RELEASE_NO_PARKING_LOT; $($rows)* }
    };
}

/// Of all tests here this is begun first. So one thread makes the optimised builds, which take
/// long, while others run what is built in the dev profile.
#[test]
fn builds_of_the_release_profile() {
    RELEASE_FULL.built();
    RELEASE_NO_PARKING_LOT.built();
}

scenarios! {
    // Tasks.
    both spawn
    both spawn_storm
    both nested_spawn
    both join_set
    both select
    both handle_current
    both yields
    both aborts
    both task_ids
    both coop
    both panicking_task
    both panicking_body
    both panicking_drop
    both hand_over_task
    both wake_from_thread
    both spawn_local
    // Blocking.
    both block_on
    both blocking_recv
    both spawn_blocking
    multi block_in_place
    // What `parking_lot` loses when it is there twice.
    multi lost_wakeups
    both idle_blocking_thread
    // Drivers.
    both timers
    both interval
    both timeout
    both tcp
    both tcp_client
    both udp
    both unix
    both duplex
    both fs
    both process
    both orphan
    both signal
    // Waiters on both sides.
    both mpsc
    both unbounded
    both oneshot
    both broadcast
    both watch
    both notify
    both semaphore
    both mutex
    both rwlock
    both barrier
    both once_cell
    // Keys.
    both task_local_host_to_module
    both task_local_module_to_host
    both task_local_survives_spawn
    multi task_local_private
    multi keys_both_ways
    both keys_on_workers
    multi keys_private
    multi keys_twin_crates
    multi keys_at_thread_exit
    multi keys_in_destructors
    multi keys_std_destructor
    multi keys_many
    multi keys_panicking_initialiser
    multi keys_odd_initialisers
    multi images
    // Runtimes, modules, and whose code runs.
    both shutdown_while_waiting
    both runtime_after_runtime
    both two_runtimes
    both own_runtime
    both several_modules
    both host_code_blocking
    multi host_code_worker
    both host_code_waker
}
