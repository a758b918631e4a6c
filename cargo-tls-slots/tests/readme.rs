//! README's step-by-step section, done literally: its files are written and its commands run, in a
//! temporary folder outside this workspace, and what it says a command prints must be printed.
//!
//! Two commands are not run as they stand: `cargo install`, as the test has the command already and
//! puts it on the path, and so that the machine is left as it was.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const README: &str = include_str!("../../README.md");
const VERSIONS: &str = include_str!("../../docs/versions.md");
const RECIPE: &str = include_str!("../../patches/tokio.toml");

/// One thing that the section tells the reader to do.
#[derive(Debug)]
enum Step {
    /// Write this file.
    File { path: String, text: String },
    /// Type this, and see that among the output.
    Run {
        command: String,
        prints: Vec<String>,
    },
}

/// The steps between the two marks.
fn steps() -> Vec<Step> {
    let (_, section) = README
        .split_once("<!-- steps")
        .expect("the section's start");
    let (section, _) = section
        .split_once("<!-- end of steps")
        .expect("the section's end");
    let mut steps = Vec::new();
    let mut lines = section.lines();
    let mut file = None;
    while let Some(line) = lines.next() {
        if let Some(name) = line
            .strip_prefix('`')
            .and_then(|line| line.strip_suffix("`:"))
        {
            file = Some(name.to_owned());
        } else if let Some(language) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            match (language, file.take()) {
                ("console", None) => steps.extend(commands(&block)),
                (_, Some(path)) => steps.push(Step::File {
                    path,
                    text: block.join("\n") + "\n",
                }),
                (language, None) => panic!("a block of {language} that belongs to no file"),
            }
        }
    }
    steps
}

fn commands(block: &[&str]) -> Vec<Step> {
    let mut steps = Vec::new();
    for line in block {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step::Run {
                command: command.to_owned(),
                prints: Vec::new(),
            }),
            (None, Some(Step::Run { prints, .. })) => prints.push((*line).to_owned()),
            (None, _) => panic!("output before a command: {line}"),
        }
    }
    steps
}

/// A search path that finds our command first.
fn path_with_command() -> std::ffi::OsString {
    let command = PathBuf::from(env!("CARGO_BIN_EXE_cargo-tls-slots"));
    let folder = command.parent().expect("a folder").to_owned();
    let rest = env::var_os("PATH").unwrap_or_default();
    env::join_paths([folder].into_iter().chain(env::split_paths(&rest))).expect("a search path")
}

/// Runs a line of the section. Cargo must not see what the test's own cargo has set.
fn run(line: &str, folder: &Path) -> String {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().expect("a command"));
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_") && name != "CARGO_HOME" || name == "RUSTFLAGS" {
            command.env_remove(name);
        }
    }
    let output = command
        .args(words)
        .current_dir(folder)
        .env("PATH", path_with_command())
        // Nothing is built twice, and nobody looks into the builds.
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{line}: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "`{line}` failed: {}\n{stdout}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    stdout
}

#[test]
fn the_step_by_step_section_works_as_it_stands() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut ran = BTreeSet::new();
    for step in steps() {
        match step {
            Step::File { path, text } => {
                let path = folder.path().join(path);
                assert!(path.parent().is_some_and(Path::is_dir), "{path:?}");
                fs::write(path, text).expect("a file");
            }
            Step::Run { command, prints } => {
                ran.insert(
                    command
                        .split_whitespace()
                        .take(2)
                        .collect::<Vec<_>>()
                        .join(" "),
                );
                if command.starts_with("cargo install") {
                    continue;
                }
                let stdout = run(&command, folder.path());
                for line in prints {
                    assert!(
                        stdout.lines().any(|printed| printed == line),
                        "`{command}` does not print {line:?}, but\n{stdout}"
                    );
                }
            }
        }
    }
    // The section cannot lose a step unnoticed.
    let expected = [
        "cargo build",
        "cargo install",
        "cargo new",
        "cargo run",
        "cargo tls-slots",
    ];
    assert!(ran.iter().eq(expected), "{ran:?}");
}

#[test]
fn the_versions_in_the_documents_are_the_recipes() {
    let recipe: toml::Table = RECIPE.parse().expect("a recipe");
    for key in ["since", "default"] {
        let version = recipe[key].as_str().expect("a version");
        assert!(
            VERSIONS.contains(version),
            "docs/versions.md does not name tokio {version}"
        );
    }
    let default = recipe["default"].as_str().expect("a default");
    let minor = default.rsplit_once('.').expect("a version").0;
    assert!(README.contains(&format!("tokio = {{ version = \"{minor}\"")));
    let msrv = env!("CARGO_PKG_RUST_VERSION");
    assert!(VERSIONS.contains(&format!("Rust {msrv} is what the tests run with")));
}

/// The crates that the first column of a document's table names, and a row for each.
fn rows(text: &str) -> Vec<(String, &str)> {
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let column = line.split(" | ").next().unwrap_or_default();
        // What is in parentheses rests on the crate, and has no recipe.
        let column = column.split('(').next().unwrap_or_default();
        for name in column.split('`').skip(1).step_by(2) {
            rows.push((name.to_owned(), line));
        }
    }
    rows
}

#[test]
fn every_recipe_is_in_the_table() {
    let patches = Path::new(env!("CARGO_MANIFEST_DIR")).join("../patches");
    let crates = include_str!("../../docs/crates.md");
    let (table, _) = crates
        .split_once("## What needs nothing")
        .expect("the section");
    let mut recipes = Vec::new();
    for entry in std::fs::read_dir(patches).expect("the recipes") {
        let path = entry.expect("the recipes").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let recipe = std::fs::read_to_string(&path).expect("a recipe");
        let recipe: toml::Table = recipe.parse().expect("a recipe");
        let name = recipe["crate"].as_str().expect("a name").to_owned();
        let default = recipe["default"].as_str().expect("a release").to_owned();
        recipes.push((name, default));
    }
    recipes.sort();
    let rows = rows(table);
    for (name, default) in &recipes {
        let row = rows.iter().find(|(row, _)| row == name);
        let (_, row) = row.unwrap_or_else(|| panic!("docs/crates.md has no row for {name}"));
        // tokio-macros has its version by tokio's.
        if name != "tokio-macros" {
            assert!(row.contains(&format!("| {default} |")), "{row}: {default}");
        }
    }
    let mut names: Vec<String> = rows.into_iter().map(|(name, _)| name).collect();
    names.sort();
    let all: Vec<String> = recipes.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, all);
}
