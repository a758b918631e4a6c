//! Crates that hold one state per process, used by a host and a module that were built apart: as
//! published, patched to their forks; and, as the control, without the patches.
//!
//! A row of the table is one case of `fixtures/crates_host`, which says what it does; the control says
//! how the same case fails with the crates of the registry.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tls_slots_tests::process::{self, Ended};
use tls_slots_tests::project::{Project, Tokio, once_per_run};

const DEADLINE: Duration = Duration::from_secs(60);
/// A hang of a control costs this much.
const HANG: Duration = Duration::from_secs(5);

fn project(tokio: Tokio, fixture: &str) -> Project {
    // One target directory: both link their own copies of the same builds.
    Project::new(tokio, fixture).target("crates")
}

/// Host and module.
fn built(tokio: Tokio) -> [PathBuf; 2] {
    once_per_run(&format!("crates-{tokio:?}"), |building| {
        let features: &[&str] = match tokio {
            Tokio::Fork => &["build", "--features", "patched"],
            Tokio::Registry => &["build"],
        };
        project(tokio, "crates_host").build(building, features);
        project(tokio, "crates_module").build(building, &["build"]);
    });
    [
        project(tokio, "crates_host").artifact("debug/crates-host"),
        project(tokio, "crates_module").artifact("debug/libcrates_module.so"),
    ]
}

fn run(tokio: Tokio, case: &str, deadline: Duration, env: &[(&str, &str)]) -> Ended {
    let [host, module] = built(tokio);
    let mut command = Command::new(host);
    command
        .arg(case)
        .arg(module)
        .envs(env.iter().copied())
        .env_remove("RUST_LOG");
    process::run(&mut command, deadline)
}

/// What the crates of the registry do with a case.
enum Control {
    /// Fails with this text.
    Says(&'static str),
    /// Never ends, or ends with this text or a signal: a race.
    Breaks(&'static str),
}
use Control::{Breaks, Says};

macro_rules! cases {
    ($($name:ident: $control:expr;)*) => {
        mod shared {
            $(#[test]
            fn $name() {
                let ended = super::run(super::Tokio::Fork, stringify!($name), super::DEADLINE, &[]);
                assert_eq!(ended.result(), Some("ok"), "{ended}");
                ended.assert_success();
            })*
        }

        mod control {
            use super::Control::*;

            $(#[test]
            fn $name() {
                super::check(stringify!($name), &$control);
            })*
        }

        /// No case of the host is left out, and none is made up.
        #[test]
        fn the_table_is_complete() {
            let [host, _] = built(Tokio::Fork);
            let ended = process::run(Command::new(host).arg("list"), DEADLINE);
            let mut names = vec![$(stringify!($name)),*];
            let mut known: Vec<&str> = ended.stdout.lines().collect();
            names.sort_unstable();
            known.sort_unstable();
            assert_eq!(names, known);
        }
    };
}

fn check(case: &str, control: &Control) {
    let ended = run(Tokio::Registry, case, HANG, &[("RUN_BOUND_MS", "50")]);
    let says = |text: &str| ended.result().is_some_and(|result| result.contains(text));
    let fine = match control {
        Says(text) => ended.status.is_some() && says(text),
        Breaks(text) => {
            let by_signal = ended.status.is_some_and(|status| status.code().is_none());
            ended.status.is_none() || by_signal || says(text)
        }
    };
    assert!(fine && !ended.success(), "{ended}");
}

cases! {
    // A module's events and spans go to nobody.
    tracing_global: Says(r#"recorder.take() is ["of the host"]"#);
    tracing_parents: Says(r#"recorder.take() is ["host: a host's event in a module's span", "host: out again"]"#);
    tracing_scoped: Says("recorder.take() is []");
    tracing_with_default_in_module: Says(r#"own is ["of the module, to its own"]"#);
    tracing_set_by_module: Says("recorder.take() is []");
    tracing_instrumented_future: Says(r#"recorder.take() is ["thread: polled", "thread>inner: first""#);
    tracing_interest_is_cached: Says(r#"*asked.lock().expect("no panic") is []"#);
    tracing_events_before_the_subscriber: Says("recorder.take() is []");
    tracing_module_after_the_subscriber: Says(r#"recorder.take() is ["before the module"]"#);
    tracing_reload: Says("(module.tracing.max_level)() is LevelFilter::OFF");
    tracing_env_filter: Says(r#"recorder.take() is ["the host's error"]"#);
    tracing_env_filter_of_spans: Says("recorder.take() is []");
    tracing_two_modules: Says("recorder.take() is []");
    tracing_threads: Says(r#"of("module: of the host") is 0"#);
    // Nor do its records.
    log_set_by_host: Says("(module.log.max_level)() is Off");
    log_set_by_module: Says("*lines.lock() is []");
    log_to_tracing: Says("recorder.take() is []");
    // Who wakes looks in a table that nobody waits in.
    parking_lot_wake_a_module: Breaks("found is 0, expected 40");
    parking_lot_wake_the_host: Breaks("found is 0, expected 40");
    parking_lot_mutex: Breaks("total(&shared) is");
    parking_lot_rwlock: Breaks("total(&shared) is");
}
