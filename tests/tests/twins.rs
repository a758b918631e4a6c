//! A host and a module that each link two releases of a crate: of `foldhash` (below `hashbrown`),
//! of `parking_lot_core` (below `parking_lot`) and of `rustls`. Each release has its own state, and
//! both sides have one copy of it.
//!
//! As in `crates.rs`, the control is the same case with the crates of the registry.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tls_slots_tests::Tokio;
use tls_slots_tests::process::{self, Ended};
use tls_slots_tests::project::Project;

const DEADLINE: Duration = Duration::from_secs(60);

/// Host and module.
fn built(tokio: Tokio) -> [PathBuf; 2] {
    let host = Project::new("twins_host").tokio(tokio);
    let host = match tokio {
        Tokio::Fork => host.features("patched"),
        Tokio::Registry => host,
    };
    let module = Project::new("twins_module").tokio(tokio);
    [host.built(), module.built()]
}

/// Runs a case. With the crates of the registry what it waits for does not come, so it need not
/// wait long.
fn run(tokio: Tokio, case: &str) -> Ended {
    let [host, module] = built(tokio);
    let mut command = Command::new(host);
    command.arg(case).arg(module);
    if tokio == Tokio::Registry {
        command.env("RUN_BOUND_MS", "50");
    }
    process::run(&mut command, DEADLINE)
}

#[track_caller]
fn shared_and_not_without(case: &str, says: &str) {
    run(Tokio::Fork, case).assert_ok();
    let control = run(Tokio::Registry, case);
    let result = control.result().unwrap_or_default();
    assert!(result.contains(says), "{control}");
}

#[test]
fn keys_of_both_releases_are_found() {
    for case in ["old_keys_are_found", "new_keys_are_found"] {
        shared_and_not_without(case, ".found)(&map, 1_000) is ");
    }
}

#[test]
fn waiters_of_both_releases_are_woken() {
    for case in ["old_wake_a_module", "new_wake_a_module"] {
        shared_and_not_without(case, "found is 0, expected 40");
    }
}

#[test]
fn a_release_is_shared_beside_one_that_has_nothing_to_share() {
    let says = "(module.random)() is None";
    shared_and_not_without("provider_beside_an_old_release", says);
}
