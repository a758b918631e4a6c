//! What a module leaves in the state of shared crates when it is unloaded, by `dlclose` or by the
//! loader: callsites and subscribers of `tracing`, a logger, actions for signals, deferred
//! functions, names of metrics, jobs, a provider.
//!
//! The cases are those of `fixtures/crates_unload_host`, which says what each does. As the control,
//! the same cases with forks whose modules do not ask to be forgotten.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tls_slots_tests::Place;
use tls_slots_tests::process::{self, Ended};
use tls_slots_tests::project::Project;

const DEADLINE: Duration = Duration::from_secs(60);

/// Forks in which nobody asks, and nobody makes a text its own.
const FORGETFUL: Place = Place {
    forks: Some(&[]),
    edit: Some(nobody_asks),
    ..Place::at("forgetful")
};

fn nobody_asks(path: &Path, text: &str) -> String {
    if !path.starts_with("tls-keys") || !path.ends_with("on_unload.rs") {
        return text.to_owned();
    }
    let edits = [
        (
            "if ProcessLocal::is_own(hook) {",
            "if !ProcessLocal::is_own(hook) {",
        ),
        // Whatever a text is of, it lasts.
        (
            "Span::new(start, end).contains(thing)",
            "Span::new(start.min(0), end.max(usize::MAX)).contains(thing)",
        ),
    ];
    edits.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the edit has its place");
        text.replace(from, to)
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Build {
    Dev,
    Release,
    Forgetful,
}

fn built(build: Build) -> [PathBuf; 2] {
    ["crates_unload_host", "crates_unload_module"].map(|fixture| {
        let project = Project::new(fixture);
        match build {
            Build::Dev => project,
            Build::Release => project.release(true),
            Build::Forgetful => project.at(FORGETFUL),
        }
        .built()
    })
}

fn run(build: Build, case: &str) -> Ended {
    let [host, module] = built(build);
    process::run(Command::new(host).arg(case).arg(module), DEADLINE)
}

#[track_caller]
fn works(build: Build, case: &str) {
    run(build, case).assert_ok();
}

macro_rules! cases {
    ($($name:ident)*) => {
        mod dev {
            $(#[test]
            fn $name() {
                super::works(super::Build::Dev, stringify!($name));
            })*
        }

        mod release {
            $(#[test]
            fn $name() {
                super::works(super::Build::Release, stringify!($name));
            })*
        }

        /// No case of the host is left out, and none is made up.
        #[test]
        fn the_table_is_complete() {
            let [host, _] = built(Build::Dev);
            let ended = process::run(Command::new(host).arg("list"), DEADLINE);
            let known: Vec<&str> = ended.stdout.lines().collect();
            assert_eq!([$(stringify!($name)),*], *known);
        }
    };
}

/// Ended by a signal: something called what is not there.
#[track_caller]
fn crashes(case: &str) {
    let ended = run(Build::Forgetful, case);
    let by_signal = ended.status.is_some_and(|status| status.code().is_none());
    assert!(by_signal, "{ended}");
}

macro_rules! controls {
    ($($name:ident)*) => {
        mod control {
            $(#[test]
            fn $name() {
                super::crashes(stringify!($name));
            })*
        }
    };
}

controls! {
    callsites_are_gone
    own_callsites_are_gone
    subscribers_are_gone
    signal_actions_are_gone
    deferred_are_run
    metrics_are_owned
    rounds_at_once
}

cases! {
    callsites_are_gone
    own_callsites_are_gone
    subscribers_are_gone
    signal_actions_are_gone
    deferred_are_run
    metrics_are_owned
    rounds
    rounds_at_once
    subscribers
    subscriber_of_a_thread
    logger
    signal_action
    loader_rounds
    loader_callsites_of_two
    loader_logger
    loader_subscriber
    loader_signal_action
    loader_deferred
    loader_deferred_elsewhere
    loader_jobs
    loader_provider
}
