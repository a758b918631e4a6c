//! The negative control: the same hosts and modules with the tokio of the registry must fail.
//!
//! A suite that is green proves nothing unless it is red without the fork. Each row says *how* a
//! scenario fails; a few do not fail, because they need neither a thread-local nor a lock of the
//! other copy, and are listed as such. The first three tests are the failures that this project
//! exists for.

use std::time::Duration;

use tls_slots_tests::fixtures::{Built, DEADLINE, REGISTRY_FULL, REGISTRY_NO_PARKING_LOT};
use tls_slots_tests::process::side_by_side;

/// A hang costs this much: far more than any of the scenarios that may hang takes when it works.
const HANG: Duration = Duration::from_secs(8);

/// What the tokio of the registry does with a scenario.
#[derive(Clone, Copy, Debug)]
enum Control {
    /// Fails with this text.
    Says(&'static str),
    /// As above, but with `parking_lot` it may hang before it comes to that.
    SaysOrHangs(&'static str),
    /// Hangs or works, as threads happen to meet, when `parking_lot` is there; works without.
    MayHang,
    /// Works: nothing in it needs shared state.
    Works,
}
use Control::{MayHang, Says, SaysOrHangs, Works};

const NO_REACTOR: Control =
    Says("there is no reactor running, must be called from the context of a Tokio 1.x runtime");
const NO_LOCAL_SET: Control =
    Says("`spawn_local` called from outside of a `task::LocalSet` or `runtime::LocalRuntime`");
const NO_SCOPE: Control = Says("task-local value not set");
const OWN_BUDGET: Control = Says("ready operations in one poll: the budget is not shared");

/// Every scenario that exists without the fork, but for those with a test of their own.
const TABLE: &[(&str, Control)] = &[
    ("spawn", NO_REACTOR),
    ("spawn_storm", NO_REACTOR),
    ("nested_spawn", NO_REACTOR),
    ("join_set", NO_REACTOR),
    ("select", NO_REACTOR),
    ("handle_current", NO_REACTOR),
    ("yields", NO_REACTOR),
    ("aborts", NO_REACTOR),
    ("task_ids", NO_REACTOR),
    ("coop", OWN_BUDGET),
    ("panicking_task", NO_REACTOR),
    ("panicking_body", NO_REACTOR),
    ("panicking_drop", Says("panicked: while dropped")),
    ("hand_over_task", NO_REACTOR),
    ("wake_from_thread", Works),
    ("spawn_local", NO_LOCAL_SET),
    ("block_on", SaysOrHangs("a runtime was entered twice")),
    ("blocking_recv", Works),
    ("spawn_blocking", NO_REACTOR),
    ("block_in_place", NO_REACTOR),
    ("timers", NO_REACTOR),
    ("interval", NO_REACTOR),
    ("timeout", NO_REACTOR),
    ("tcp", NO_REACTOR),
    ("tcp_client", NO_REACTOR),
    ("udp", NO_REACTOR),
    ("unix", NO_REACTOR),
    ("duplex", NO_REACTOR),
    ("fs", NO_REACTOR),
    ("process", NO_REACTOR),
    ("orphan", NO_REACTOR),
    ("signal", NO_REACTOR),
    ("mpsc", MayHang),
    ("unbounded", MayHang),
    ("oneshot", MayHang),
    ("broadcast", MayHang),
    ("watch", MayHang),
    ("notify", MayHang),
    ("semaphore", MayHang),
    ("mutex", MayHang),
    ("rwlock", MayHang),
    ("barrier", MayHang),
    ("once_cell", MayHang),
    ("task_local_host_to_module", NO_SCOPE),
    ("task_local_module_to_host", NO_SCOPE),
    ("task_local_survives_spawn", NO_REACTOR),
    ("task_local_private", Works),
    ("shutdown_while_waiting", NO_REACTOR),
    ("runtime_after_runtime", NO_REACTOR),
    ("two_runtimes", NO_REACTOR),
    ("own_runtime", NO_REACTOR),
    ("several_modules", NO_REACTOR),
    ("host_code_blocking", NO_REACTOR),
    ("host_code_worker", NO_REACTOR),
    ("host_code_waker", NO_REACTOR),
];

/// The scenarios of which the tests below look at the figures.
const APART: [&str; 2] = ["lost_wakeups", "idle_blocking_thread"];

/// Many of them hang, and so wait for their deadline: that many at a time, about all that hang.
const AT_A_TIME: usize = 24;

fn check(built: &Built, parking_lot: bool) {
    let table = built.table();
    let mut wrong = Vec::new();
    let mut rows = Vec::new();
    for (name, flavours) in &table {
        if APART.contains(&name.as_str()) {
            continue;
        }
        match TABLE.iter().find(|(row, _)| row == name) {
            Some((_, control)) => {
                rows.extend(flavours.iter().map(|flavour| (name, flavour, control)));
            }
            None => wrong.push(format!("{name} has no row")),
        }
    }
    let checked = side_by_side(AT_A_TIME, &rows, |(name, flavour, control)| {
        // Only a hang is waited for so briefly.
        let deadline = match control {
            SaysOrHangs(_) | MayHang if parking_lot => HANG,
            _ => DEADLINE,
        };
        let ended = built.scenario(flavour, name, deadline, &[]);
        let hung = parking_lot && ended.status.is_none();
        let says = |text| ended.result().is_some_and(|result| result.contains(text));
        let fine = match control {
            Says(text) => ended.status.is_some() && says(text),
            SaysOrHangs(text) => says(text) || hung,
            Works => ended.success(),
            MayHang => ended.success() || hung,
        };
        if hung {
            println!("{flavour} {name}: hung");
        }
        (!fine).then(|| format!("{flavour} {name} should be {control:?}:\n{ended}"))
    });
    wrong.extend(checked.into_iter().flatten());
    for (name, _) in TABLE {
        if !table.iter().any(|(row, _)| row == name) {
            wrong.push(format!("the host has no scenario {name}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_scenario_fails_as_it_should() {
    check(&REGISTRY_FULL.built(), true);
}

#[test]
fn without_parking_lot_nothing_hangs_but_the_rest_fails_too() {
    check(&REGISTRY_NO_PARKING_LOT.built(), false);
}

/// Forty runs of one spawn each, by an explicit handle, while all workers sleep.
#[test]
fn single_spawns_of_a_module_are_lost_with_parking_lot() {
    let bound = [("RUN_BOUND_MS", "250")];
    let ended =
        REGISTRY_FULL
            .built()
            .scenario("multi", "lost_wakeups", Duration::from_secs(60), &bound);
    ended.assert_failure();
    let ran: u32 = ended
        .stdout
        .lines()
        .find_map(|line| {
            line.strip_prefix("ran ")?
                .strip_suffix(" of 40")?
                .parse()
                .ok()
        })
        .unwrap_or_else(|| panic!("no figure in\n{ended}"));
    println!("with parking_lot, {ran} of 40 single spawns ran");
    assert!(
        ran <= 10,
        "{ran} of 40 ran; nearly all should be lost\n{ended}"
    );

    let ended = REGISTRY_NO_PARKING_LOT.built().scenario(
        "multi",
        "lost_wakeups",
        Duration::from_secs(60),
        &[],
    );
    ended.assert_success().assert_says("ran 40 of 40");
}

/// The idle thread of the host is never told, and looks again when its keep-alive of ten seconds
/// is over.
#[test]
fn a_blocking_call_of_a_module_stalls_ten_seconds_behind_an_idle_thread() {
    side_by_side(2, &["multi", "current"], |flavour| {
        let once = [("RUN_ONCE", "1")];
        let ended = REGISTRY_FULL.built().scenario(
            flavour,
            "idle_blocking_thread",
            Duration::from_secs(40),
            &once,
        );
        ended.assert_failure();
        let waited: u32 = ended
            .stdout
            .lines()
            .find_map(|line| {
                line.strip_prefix("waited ")?
                    .strip_suffix(" ms")?
                    .parse()
                    .ok()
            })
            .unwrap_or_else(|| panic!("no figure in\n{ended}"));
        println!("with parking_lot, on the {flavour} runtime, the call waited {waited} ms");
        assert!((9_000..15_000).contains(&waited), "{waited} ms\n{ended}");

        let ended = REGISTRY_NO_PARKING_LOT.built().scenario(
            flavour,
            "idle_blocking_thread",
            Duration::from_secs(40),
            &[],
        );
        ended.assert_success();
    });
}
