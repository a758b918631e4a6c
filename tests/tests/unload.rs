//! Unloading: each case of `fixtures/unload_host` is a process that unloads `fixtures/unload_module`, or is
//! refused for exactly one reason. Unoptimised and optimised.

use std::process::Command;
use std::time::Duration;

use tls_slots_tests::process::{self, Ended};
use tls_slots_tests::project::{Project, Tokio, once_per_run};
use tls_slots_tests::sanitizer;

const DEADLINE: Duration = Duration::from_secs(120);

fn run(case: &str, number: u64, release: bool, deadline: Duration) -> Ended {
    let project =
        |fixture: &str| Project::new(Tokio::Fork, fixture).target(&format!("unload/{fixture}"));
    let profile = if release { "release" } else { "debug" };
    let arguments: &[&str] = if release {
        &["build", "--release"]
    } else {
        &["build"]
    };
    once_per_run(&format!("unload-{profile}"), |building| {
        project("unload_host").build(building, arguments);
        project("unload_module").build(building, arguments);
    });
    let host = project("unload_host").artifact(&format!("{profile}/unload-host"));
    let module = project("unload_module").artifact(&format!("{profile}/libunload_module.so"));
    let mut command = Command::new(host);
    command.arg(case).arg(module).arg(number.to_string());
    let ended = process::run(&mut command, deadline);
    ended.assert_success();
    assert_eq!(ended.result(), Some("ok"), "{ended}");
    ended
}

fn both(case: &str) {
    for release in [false, true] {
        run(case, 0, release, DEADLINE);
    }
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
    idle unused task blocking_call call_in_progress hold foreign_runtime thread own_locals foreign_std_local
    foreign_key_local signal pointer opened_elsewhere locals_of_threads drains deadline cancelled panics
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
