//! Unloading: each case of `fixtures/unload_host` is a process that unloads
//! `fixtures/unload_module`, or is refused for exactly one reason. Unoptimised and optimised.

use std::process::Command;
use std::time::Duration;

use tls_slots_tests::process::{self, Ended, side_by_side};
use tls_slots_tests::project::Project;
use tls_slots_tests::sanitizer;

const DEADLINE: Duration = Duration::from_secs(120);

fn run(case: &str, number: u64, release: bool, deadline: Duration) -> Ended {
    let module = Project::new("unload_module").release(release);
    run_with(module, case, number, release, deadline)
}

/// With another build of the module.
fn run_with(module: Project, case: &str, number: u64, release: bool, deadline: Duration) -> Ended {
    let host = Project::new("unload_host").release(release).built();
    let mut command = Command::new(host);
    command
        .arg(case)
        .arg(module.built())
        .arg(number.to_string());
    let ended = process::run(&mut command, deadline);
    ended.assert_ok();
    ended
}

fn both(case: &str) {
    // Builds in two profiles are made at the same time, too.
    side_by_side(2, &[false, true], |release| {
        run(case, 0, *release, DEADLINE);
    });
}

macro_rules! cases {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                both(stringify!($name));
            }
        )*
    };
}

cases! {
    idle not_dumpable unused task early many blocking_call call_in_progress hold foreign_runtime thread own_locals foreign_std_local
    foreign_key_local signal pointer opened_elsewhere locals_of_threads drains deadline cancelled cancelled_late
    threads_unload panics wakers kept_alive wakers_race
    signals_kept values_kept
}

#[test]
fn blocking_shutdown() {
    let module = Project::new("unload_module").features("blocking-shutdown");
    run_with(module, "blocking_shutdown", 0, false, DEADLINE);
}

#[test]
fn never_unmapped() {
    let module = Project::new("unload_module").rustc("-Clink-arg=-Wl,-z,nodelete");
    run_with(module, "never_unmapped", 0, false, DEADLINE);
}

/// A number from the environment, or one that is quick.
fn number(variable: &str, quick: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number")),
        Err(_) => quick,
    }
}

/// `TLS_SLOTS_UNLOAD_ROUNDS` for more.
#[test]
fn unloading_races_with_calls_that_spawn() {
    let rounds = number("TLS_SLOTS_UNLOAD_ROUNDS", 60);
    for release in [false, true] {
        let ended = run("races", rounds, release, Duration::from_secs(60 + rounds));
        println!("{}", ended.stdout);
    }
}

/// Figures for the guide, and no limit: the machine may be busy.
#[test]
fn unloading_is_quick() {
    let ended = run("quick", 40, true, DEADLINE);
    println!("{}", ended.stdout);
}

/// `TLS_SLOTS_UNLOAD_CYCLES` for more, such as 10000.
#[test]
fn nothing_grows() {
    if sanitizer::chosen().is_some() {
        // Its quarantine is memory that grows.
        return;
    }
    let cycles = number("TLS_SLOTS_UNLOAD_CYCLES", 200);
    let ended = run("cycles", cycles, true, Duration::from_secs(60 + cycles));
    println!("{}", ended.stdout);
}
