//! `RUSTC_WRAPPER=cargo-tls-slots`: host and module have equal ids of types where cargo's own ids
//! differ, and other ones where the types may differ.

use std::process::Command;
use std::time::Duration;

use tls_slots_tests::project::Project;
use tls_slots_tests::{Place, process, sanitizer};

/// Sources and forks as on another machine.
const ELSEWHERE: Place = Place {
    forks: Some(&["tokio"]),
    ..Place::at("ids another machine")
};

/// Built with the wrapper, in a target folder of its own.
fn wrapped(fixture: &str) -> Project {
    Project::new(fixture)
        .apart("type-ids")
        .env("RUSTC_WRAPPER", env!("CARGO_BIN_EXE_cargo-tls-slots"))
}

/// The crates of which host and module have equal ids, as `fixtures/ids/probe` calls them.
fn equal(module: &Project) -> Vec<String> {
    let mut host = Command::new(wrapped("ids/host").built());
    let ended = process::run(host.arg(module.built()), Duration::from_secs(60));
    ended.assert_ok();
    let mut equal: Vec<String> = Vec::new();
    for line in ended.stdout.lines() {
        let cells: Vec<&str> = line.split('|').collect();
        let [of, _, our, their] = cells[..] else {
            continue;
        };
        let of = of.strip_prefix("ID ").expect("a line of ids");
        if our == their && !equal.iter().any(|known| known == of) {
            equal.push(of.to_owned());
        }
    }
    equal
}

#[test]
fn ids_are_equal_where_types_are() {
    if sanitizer::chosen().is_some() {
        return println!("skipped: builds of other kinds than the sanitizer's are the point");
    }
    let module = wrapped("ids/module")
        .at(ELSEWHERE)
        .config("profile.dev.opt-level=1")
        .config("profile.dev.package.\"*\".debug=1")
        .env("CARGO_INCREMENTAL", "1");
    assert_eq!(equal(&module), ["std", "tokio", "anyhow", "http"]);
    // One more feature of tokio, of anyhow and of the path crates.
    let module = wrapped("ids/module").features("more");
    assert_eq!(equal(&module), ["std", "http"]);
}
