//! A module with one damaged byte, in every header and in the manifest, one byte after the other:
//! each load is an error or works, and the process goes on. Host, damage and areas are in
//! `fixtures/mutation_host/src/main.rs`.
//!
//! Every byte of the ELF header, the program headers, the section headers and the dynamic section
//! takes one other value, every fifth of the manifest's too: some thousand loads.
//! `TLS_SLOTS_MUTATIONS=6` is the whole: six values each, and every byte of the manifest.
//!
//! What no header describes, code, data, relocations and symbols, cannot be told from what the
//! author meant: that is what `LoadOptions`' digest is for.

use std::process::Command;
use std::time::Duration;

use tls_slots_tests::process::{self, Ended};
use tls_slots_tests::project::Project;

fn run(how: &str, values: &str) -> Ended {
    let host = Project::new("mutation_host").built();
    let module = Project::new("mutation_module").built();
    let ended = process::run(
        Command::new(host).arg(how).arg(module).arg(values),
        Duration::from_secs(3600),
    );
    println!("{ended}");
    ended
}

#[test]
fn damage_is_an_error_or_harmless() {
    let values = std::env::var("TLS_SLOTS_MUTATIONS").unwrap_or_else(|_| "1".to_owned());
    let ended = run("load", &values);
    ended.assert_success();
    assert_eq!(ended.result(), Some("0 failed"), "{ended}");
}

/// The control: the dynamic linker alone takes many of them on trust.
#[test]
fn the_dynamic_linker_alone_ends_by_signals() {
    let ended = run("raw", "1");
    ended.assert_success();
    let failed = ended
        .result()
        .and_then(|result| result.strip_suffix(" failed"));
    let failed: u32 = failed
        .and_then(|failed| failed.parse().ok())
        .expect("a number");
    assert!(failed > 20, "{ended}");
}
