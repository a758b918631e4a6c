//! The house keeps its order: layers instead of circles, rooms of a size, narrow comments, a core
//! that stays tiny.
//!
//! Each test parses the files of the repository, and prints what breaks a rule with file and line.
//! Nothing is built for it. There is no list of exceptions; tests may be long, as they are tables
//! of cases.
//!
//! | file | what |
//! | --- | --- |
//! | `sources` | the texts, and which packages there are |
//! | `attributes`, `tokens`, `parsed` | one file's syntax |
//! | `tree` | a crate's Rust modules |
//! | `meaning` | which file a path means |
//! | `arrows` | which file uses which; circles |
//! | `layers` | the order that ARCHITECTURE.md draws |
//! | `lines`, `texts` | counts, and what is looked for line by line |
//! | `rooms`, `rules` | all packages, and the rules for them |
//! | `examples` | made-up repositories that break each rule: the tests can fail |
//!
//! `TLS_SLOTS_HOUSE=FOLDER cargo test -p tls-slots-tests --test house` looks at another checkout.

mod arrows;
mod attributes;
mod examples;
mod layers;
mod lines;
mod meaning;
mod parsed;
mod rooms;
mod rules;
mod sources;
mod texts;
mod tokens;
mod tree;

use std::sync::LazyLock;

use layers::Layers;
use rooms::Room;
use sources::Sources;

/// The repository, read once.
static SOURCES: LazyLock<Sources> = LazyLock::new(|| Sources::of(&sources::root()));

/// Fails with all complaints, one a line.
#[track_caller]
fn assert_keeps(rule: fn(&Sources) -> Vec<String>) {
    let complaints = rule(&SOURCES);
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

#[test]
fn arrows_run_down() {
    assert_keeps(rules::layers);
}

#[test]
fn every_file_is_reached() {
    assert_keeps(rules::reached);
}

#[test]
fn there_are_no_circles() {
    assert_keeps(rules::circles);
}

#[test]
fn files_and_functions_are_short() {
    assert_keeps(rules::sizes);
}

#[test]
fn comments_are_narrow() {
    assert_keeps(rules::comments);
}

#[test]
fn safety_is_said_where_it_is_needed() {
    assert_keeps(rules::safety);
}

#[test]
fn poisoned_locks_are_one_files_business() {
    assert_keeps(rules::locks);
}

#[test]
fn the_core_is_tiny() {
    assert_keeps(rules::core);
}

#[test]
fn the_command_is_explained() {
    assert_keeps(rules::words);
}

/// A table of all packages of the workspace and of the demo: `--nocapture` shows it.
#[test]
fn counts() {
    let drawn = Layers::all(SOURCES.get("ARCHITECTURE.md").unwrap_or_default());
    println!(
        "| crate | files | code | words | words ÷ code | longest file | longest function | layers |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let rooms = Room::all(&SOURCES);
    for room in &rooms {
        let lines = room.lines(&SOURCES);
        let files = room.files().map(|file| {
            let text = SOURCES.get(&file.path).expect("it has been read");
            (text.lines().count(), &*file.name)
        });
        let (longest_file, file) = files.max().expect("a package has files");
        let functions = room.files().flat_map(|file| &file.parsed.functions);
        let functions = functions.map(|one| (one.lines.clone().count(), &*one.name));
        let (longest_function, function) = functions.max().unwrap_or_default();
        println!(
            "| {} | {} | {} | {} | {:.2} | {longest_file} `{file}` | {longest_function} `{function}` | {} |",
            room.package.name,
            room.files().count(),
            lines.code,
            lines.words,
            lines.ratio(),
            drawn
                .get(&room.package.name)
                .map_or(0, |layers| layers.0.len()),
        );
        assert!(lines.code > 0, "{} has no code", room.package.name);
    }
}
