//! A host and a module that each link two releases of a crate: of `foldhash` (below `hashbrown`),
//! of `parking_lot_core` (below `parking_lot`) and of `rustls`. Each release has its own state, and
//! both sides have one copy of it.
//!
//! As in `crates.rs`, the control is the same case with the crates of the registry.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tls_slots_tests::Tokio;
use tls_slots_tests::process;
use tls_slots_tests::project::Project;

const DEADLINE: Duration = Duration::from_secs(60);
/// A hang of a control costs this much.
const HANG: Duration = Duration::from_secs(5);

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

/// A case with both sides' forks.
#[track_caller]
fn shared(case: &str) {
    let [host, module] = built(Tokio::Fork);
    process::run(Command::new(host).arg(case).arg(module), DEADLINE).assert_ok();
}

/// The same case with the crates of the registry: it fails with this text, or never ends if it
/// `may_hang`. What it waits for does not come, so it need not wait long.
#[track_caller]
fn control(case: &str, says: &str, may_hang: bool) {
    let [host, module] = built(Tokio::Registry);
    let mut command = Command::new(host);
    command.arg(case).arg(module).env("RUN_BOUND_MS", "50");
    let ended = process::run(&mut command, HANG);
    let fine = match ended.status {
        Some(_) => ended.result().is_some_and(|result| result.contains(says)),
        None => may_hang,
    };
    assert!(fine && !ended.success(), "{ended}");
}

#[test]
fn keys_of_both_releases_are_found() {
    for case in ["old_keys_are_found", "new_keys_are_found"] {
        shared(case);
        control(case, "1_000) is ", false);
    }
}

#[test]
fn waiters_of_both_releases_are_woken() {
    for case in ["old_wake_a_module", "new_wake_a_module"] {
        shared(case);
        control(case, "found is 0, expected 40", true);
    }
}

#[test]
fn a_release_is_shared_beside_one_that_has_nothing_to_share() {
    let case = "provider_beside_an_old_release";
    shared(case);
    control(case, "(module.random)() is None", false);
}
