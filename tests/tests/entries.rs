//! `#[tokio::module]` and `tls_slots_load::Module`: results, panics, and what does not fit. The
//! calls are in `fixtures/entries_host/src/main.rs`.

use std::process::Command;
use std::time::Duration;

use tls_slots_tests::building::Building;
use tls_slots_tests::process;
use tls_slots_tests::project::Project;

#[test]
fn entries_are_called_and_their_panics_are_errors() {
    let mut host = Command::new(Project::new("entries_host").built());
    host.arg(Project::new("entries_module").built());
    process::run(&mut host, Duration::from_secs(60)).assert_ok();
}

#[test]
fn an_entry_is_an_ordinary_function_in_its_own_tests() {
    let tests = Project::new("entries_module").cargo(&Building::begin(), &["test"]);
    tests.assert_success();
}

#[test]
fn misuse_is_told_in_a_sentence() {
    let arguments = [
        "check",
        "--bins",
        "--keep-going",
        "--message-format",
        "short",
    ];
    let ended = Project::new("misuse").cargo(&Building::begin(), &arguments);
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
