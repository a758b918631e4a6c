//! Whether a fork compiles: alone in a project, with each choice of features that changes what is
//! compiled of it.
//!
//! | feature of the project | what it turns on |
//! | --- | --- |
//! | `most` | the crate's default features; tokio, which has none, gets `full` and `test-util` |
//! | `shared` | the sharing: a dependency on `tls-keys`, or the feature that the recipe names |
//!
//! Each is tried with and without the other. cargo hides the warnings of a registry's crate, but
//! not those of a fork. So a warning counts as an error, unless the untouched release has it too:
//! that is then compiled in the same way.

use std::collections::BTreeSet;
use std::fs;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use cargo_metadata::Message;
use cargo_metadata::diagnostic::DiagnosticLevel;

use super::choose::Release;
use super::options::Options;
use super::place::{Place, upstream_folder};
use crate::cargo;
use crate::cargo_toml::path::with_slashes;
use crate::causes::with_causes;
use crate::conformance::suite;
use crate::conformance::work::write;
use crate::fork::Forked;
use crate::process;
use crate::release_table::Answer;

/// How long one choice of features may take, dependencies included.
const BUILD: Duration = Duration::from_secs(30 * 60);

/// The choices of features, each with commas between.
const EDGES: [&str; 4] = ["", "most", "shared", "most,shared"];

/// Compiles the fork with each choice of features.
///
/// # Errors
///
/// If something fails that says nothing about the fork.
pub(super) fn answer(
    options: &Options,
    release: &Release,
    place: &Place,
    forked: &Forked,
) -> Result<Answer, String> {
    let folder = place.folder.join("user");
    let most = most(release, forked)?;
    let project = Project {
        options,
        release,
        place,
        folder: &folder,
        most: &most,
    };
    project.write(&forked.patch_lines(), true)?;
    let edges = EDGES
        .iter()
        .filter(|edge| !most.is_empty() || !edge.contains("most"));
    let mut compiled = false;
    for edge in edges {
        let mut fork = project.compile(edge)?;
        let mut upstream_too = true;
        if !fork.says.is_empty() {
            let upstream = upstream(options, release, place, &most, edge)?;
            fork.says.retain(|text| !upstream.says.contains(text));
            upstream_too = upstream.success;
        }
        let with = match *edge {
            "" => "no features",
            features => features,
        };
        if let Some(first) = fork.says.first() {
            return Ok(Answer::No(format!("with {with}: {first}")));
        }
        if upstream_too && !fork.success {
            return Ok(Answer::No(format!(
                "with {with}, where upstream's release does"
            )));
        }
        compiled |= fork.success;
    }
    Ok(match compiled {
        true => Answer::yes(),
        false => Answer::None("upstream's release does not compile".to_owned()),
    })
}

/// What came of a build.
struct Compiled {
    success: bool,
    /// What rustc says of the crate: warnings and errors, without the places.
    says: BTreeSet<String>,
}

/// The features of the crate that stand for "most of it".
fn most(release: &Release, forked: &Forked) -> Result<Vec<String>, String> {
    let name = &release.recipe.name;
    if name == "tokio" {
        return Ok(suite::FEATURES.split(',').map(str::to_owned).collect());
    }
    let Some(fork) = forked.crates.iter().find(|one| one.name == *name) else {
        return Err(format!("{name} is not among its forks"));
    };
    let path = fork.dir.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let table: toml::Table = text.parse().map_err(|error| format!("{error}"))?;
    let default = table
        .get("features")
        .and_then(|features| features.get("default"));
    let default = default.and_then(toml::Value::as_array);
    Ok(match default.is_some_and(|default| !default.is_empty()) {
        true => vec!["default".to_owned()],
        false => Vec::new(),
    })
}

/// As [`Project::compile`], of the untouched release.
fn upstream(
    options: &Options,
    release: &Release,
    place: &Place,
    most: &[String],
    edge: &str,
) -> Result<Compiled, String> {
    let from = upstream_folder(options, release)?;
    let folder = place.folder.join("user-of-upstream");
    let project = Project {
        options,
        release,
        place,
        folder: &folder,
        most,
    };
    let name = &release.recipe.name;
    let from = toml::Value::String(with_slashes(&from));
    project.write(
        &format!("[patch.crates-io]\n{name} = {{ path = {from} }}\n"),
        false,
    )?;
    // Upstream has nothing that could be shared.
    project.compile(edge.trim_end_matches("shared").trim_end_matches(','))
}

/// A project that depends on the release and on nothing else.
struct Project<'a> {
    options: &'a Options,
    release: &'a Release,
    place: &'a Place,
    folder: &'a Path,
    most: &'a [String],
}

impl Project<'_> {
    /// Writes the project. `patches` is the section that says where the crate comes from, and
    /// `shares` says whether that is a fork.
    fn write(&self, patches: &str, shares: bool) -> Result<(), String> {
        let recipe = &self.release.recipe;
        let name = &recipe.name;
        let version = &self.release.version;
        let mut text = format!(
            "[package]\nname = \"user\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
             [lib]\npath = \"lib.rs\"\n[workspace]\n[dependencies]\n\
             {name} = {{ version = \"={version}\", default-features = false }}\n"
        );
        let keys = shares && recipe.keys.is_some();
        if keys {
            text += "tls-keys = { version = \"0.1\", optional = true }\n";
        }
        let most = self.most.iter().map(|feature| format!("{name}/{feature}"));
        text += &format!("[features]\nmost = {:?}\n", most.collect::<Vec<_>>());
        let record = recipe
            .record
            .as_ref()
            .and_then(|record| record.feature.as_ref());
        match record {
            Some(feature) if shares => text += &format!("shared = [\"{name}/{feature}\"]\n"),
            _ if keys => text += "shared = [\"dep:tls-keys\"]\n",
            _ => text += "shared = []\n",
        }
        write(&self.folder.join("Cargo.toml"), &format!("{text}{patches}"))
            .and_then(|()| write(&self.folder.join("lib.rs"), ""))
            .map_err(|error| with_causes(&error))
    }

    /// Compiles the project with these features, commas between.
    ///
    /// # Errors
    ///
    /// If the build fails and rustc has said nothing of the crate.
    fn compile(&self, features: &str) -> Result<Compiled, String> {
        let mut command = cargo::command(self.folder);
        cargo::isolate(&mut command);
        command
            .args(["check", "--message-format", "json", "--features", features])
            .env("CARGO_TARGET_DIR", &self.place.target)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_INCREMENTAL", "0");
        if self.options.offline {
            command.arg("--offline");
        }
        let log = self.place.folder.join("logs").join("check.log");
        let ended = process::run_logged(&mut command, BUILD, &log)
            .map_err(|error| format!("cannot run cargo: {error}"))?;
        let name = self.release.recipe.name.replace('-', "_");
        let mut says = BTreeSet::new();
        for message in Message::parse_stream(BufReader::new(ended.stdout.as_bytes())) {
            let Ok(Message::CompilerMessage(message)) = message else {
                continue;
            };
            let counts = matches!(
                message.message.level,
                DiagnosticLevel::Error | DiagnosticLevel::Warning | DiagnosticLevel::Ice
            );
            if counts && message.target.name.replace('-', "_") == name {
                says.insert(message.message.message);
            }
        }
        // cargo's own words, such as that no versions can be found, are not about the crate's text.
        let success = ended.success();
        match success || !says.is_empty() {
            true => Ok(Compiled { success, says }),
            false => Err(format!(
                "{}\n{}",
                ended.how(),
                process::tail(&ended.stderr, 20)
            )),
        }
    }
}
