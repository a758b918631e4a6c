//! What must agree between a host and its modules, and what may differ: every rule tried with real
//! builds, in both directions.
//!
//! Each row of the tables builds a host and a module by cargo invocations of their own (`build.rs`,
//! `rows.rs`), or makes a file that is no module (`files.rs`). It is looked at in three ways, which
//! have to come to the same (`told.rs`):
//!
//! | way     | what it is                                                                    |
//! | ------- | ----------------------------------------------------------------------------- |
//! | check   | `cargo tls-slots check`'s comparison, from the two files                      |
//! | load    | `tls_slots_load::Module::load` in a host's process                            |
//! | past it | `dlopen` alone in a host's process: what the registry does, and what use does |
//!
//! Every process ends by itself and normally. The rows, with what they come to, are the tables of
//! `docs/compatibility.md`, which [`documented`] compares; `SNAPSHOTS=overwrite` writes them anew.
//!
//! What is built is kept: the whole costs minutes at first, and seconds once it is there.
//! `COMPAT=word` runs only the rows that have the word in their name.

mod build;
mod files;
mod rows;
mod told;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

use tls_slots_tests::process::side_by_side;
use tls_slots_tests::sanitizer;

use build::{BASE, Skipped, built};
use files::{FILES, Past};
use rows::{HARMLESS, MISMATCHES, Row};

/// How many rows at a time: builds in different target folders are made at once, and a process may
/// wait for its timer.
const SIDE_BY_SIDE: usize = 3;

/// Runs rows, says what each came to, and fails at the end if one is not as documented.
fn run<R: Sync>(
    rows: &[R],
    name: impl Fn(&R) -> (&str, String) + Sync,
    run: impl Fn(&R) -> Result<Result<(), String>, Skipped> + Sync,
) {
    if sanitizer::chosen().is_some() {
        return say("skipped: builds of other kinds than the sanitizer's are the point");
    }
    let wanted = std::env::var("COMPAT").unwrap_or_default();
    let wanted: Vec<&R> = rows
        .iter()
        .filter(|row| name(row).0.contains(&wanted))
        .collect();
    let failures = side_by_side(SIDE_BY_SIDE, &wanted, |row| {
        let (what, expected) = name(row);
        let begin = Instant::now();
        // A build that fails is a panic, and the rest is run all the same.
        let result = catch_unwind(AssertUnwindSafe(|| run(row)))
            .unwrap_or_else(|_| Ok(Err("it panicked, see above".to_owned())));
        let (came_to, failure) = match result {
            Ok(Ok(())) => (format!("as expected, {expected}"), String::new()),
            Err(Skipped(reason)) => (format!("SKIPPED, {reason}"), String::new()),
            Ok(Err(error)) => (
                format!("FAILED, expected {expected}"),
                format!("{what}: {error}\n\n"),
            ),
        };
        say(&format!(
            "{what}: {came_to} ({:.1} s)",
            begin.elapsed().as_secs_f32()
        ));
        failure
    })
    .concat();
    assert!(failures.is_empty(), "\n{failures}");
}

/// Past the test's capture: a skipped row must be seen.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "compat: {line}");
}

#[test]
fn what_differs_is_refused() {
    run(MISMATCHES, |row| (row.what, row.result()), Row::run);
}

#[test]
fn what_is_harmless_is_not() {
    run(HARMLESS, |row| (row.what, row.result()), Row::run);
}

#[test]
fn what_is_no_module_is_told_apart() {
    run(
        FILES,
        |row| (row.what, row.result()),
        |row| {
            let host = built("compat_host", &BASE)?;
            let module = built("compat_module", &BASE)?;
            row.run(&host, &module)
        },
    );
}

/// Rules are added, and none gets lost.
#[test]
fn there_are_many() {
    let (refused, harmless) = (MISMATCHES.len(), HARMLESS.len());
    say(&format!("{refused} refusals, {harmless} that fit"));
    assert!(refused >= 70 && harmless >= 45);
    let rows = MISMATCHES.iter().chain(HARMLESS);
    let mut names: Vec<&str> = rows.map(|row| row.what).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all, "a name stands for two rows");
}

/// The tables of the document.
fn tables() -> String {
    let mut text = String::new();
    for (title, of, rows) in [
        ("What is refused", "built with", MISMATCHES),
        ("What may differ", "built with", HARMLESS),
    ] {
        let _ = writeln!(text, "## {title}\n\n| {of} | result |\n| --- | --- |");
        for row in rows {
            let _ = writeln!(text, "| {} | {} |", row.what, row.result());
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "## Files\n\n| file | `check` | `Module::load` | past the loader |\n| --- | --- | --- | --- |"
    );
    for row in FILES {
        let past = match row.past {
            Past::NotOpened => "`dlopen` fails".to_owned(),
            Past::Refused => "its keys panic".to_owned(),
            Past::Works => "works".to_owned(),
            Past::NotOurs => "opened, nothing of ours".to_owned(),
            Past::NotTried(reason) => format!("not tried: {reason}"),
        };
        let _ = writeln!(
            text,
            "| {} | {} | `LoadError::{}` | {past} |",
            row.what, row.check.0, row.load.0
        );
    }
    text
}

#[test]
fn documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md");
    let page = fs::read_to_string(&path).expect("the document is there");
    let mark = "<!-- tests/tests/compat writes what follows -->\n";
    let (head, old) = page.split_once(mark).expect("the mark is there");
    let new = format!("\n{}", tables());
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        fs::write(&path, format!("{head}{mark}{new}")).expect("it can be written");
        return;
    }
    assert!(
        old == new,
        "docs/compatibility.md has other rows than the test; SNAPSHOTS=overwrite writes them"
    );
}
