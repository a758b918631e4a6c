//! `#[tokio::module]` and `tls_slots_load::Module`: results, panics, and what does not fit. The calls are in
//! `fixtures/entries_host/src/main.rs`.

use std::process::Command;
use std::time::Duration;

use tls_slots_tests::process;
use tls_slots_tests::project::{Project, Tokio, once_per_run};

fn project(fixture: &str) -> Project {
    Project::new(Tokio::Fork, fixture).target(&format!("entries/{fixture}"))
}

#[test]
fn entries_are_called_and_their_panics_are_errors() {
    once_per_run("entries", |building| {
        project("entries_host").build(building, &["build"]);
        project("entries_module").build(building, &["build"]);
    });
    let mut host = Command::new(project("entries_host").artifact("debug/entries-host"));
    host.arg(project("entries_module").artifact("debug/libentries_module.so"));
    let ended = process::run(&mut host, Duration::from_secs(60));
    ended.assert_success();
    assert_eq!(ended.result(), Some("ok"), "{ended}");
}

#[test]
fn an_entry_is_an_ordinary_function_in_its_own_tests() {
    once_per_run("entries-own-tests", |building| {
        project("entries_module").build(building, &["test"]);
    });
}

#[test]
fn misuse_is_told_in_a_sentence() {
    let mut ended = None;
    once_per_run("misuse", |building| {
        let arguments = [
            "check",
            "--bins",
            "--keep-going",
            "--message-format",
            "short",
        ];
        ended = Some(project("misuse").cargo(building, &arguments));
    });
    let ended = ended.expect("the only test that builds it");
    ended.assert_failure();
    let errors: Vec<&str> = ended
        .stderr
        .lines()
        .filter(|line| line.contains(": error"))
        .collect();
    for (file, message) in [
        (
            "bad_name",
            "an entry's name consists of ASCII letters, digits and underscores",
        ),
        (
            "borrowed",
            "an entry of a module owns its arguments: the call may outlive a borrow",
        ),
        (
            "called_unsafe",
            "an entry of a module is called by safe code: it cannot be `unsafe`",
        ),
        (
            "generic",
            "an entry of a module cannot be generic: it is one symbol",
        ),
        (
            "impl_trait",
            "an entry of a module cannot be generic: name the type",
        ),
        (
            "method",
            "an entry of a module is a free function, not a method",
        ),
        (
            "no_function",
            "`#[tokio::module]` goes on a `pub fn` or a `pub async fn`",
        ),
        ("not_send", "future cannot be sent between threads safely"),
        (
            "private",
            "an entry of a module is `pub`: its host calls it",
        ),
        (
            "too_many",
            "an entry of a module has at most eight arguments: put them into a struct",
        ),
        (
            "unknown_option",
            "unknown option: `name` and `crate` are known",
        ),
    ] {
        let path = format!("src/bin/{file}.rs:");
        assert!(
            errors
                .iter()
                .any(|error| error.starts_with(&path) && error.contains(message)),
            "{file} is not told: {message}\n{ended}"
        );
    }
}
