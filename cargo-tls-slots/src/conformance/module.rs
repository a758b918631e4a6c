//! Mode `module`: upstream's test bodies as one `cdylib` with its own copy of tokio, and a host
//! process whose runtime is built by the host's copy.
//!
//! Three projects are written, each a workspace of its own. Host and module are built by two
//! cargo invocations, into two target folders, with the same profile, features and lock file:
//!
//! | project | what |
//! | --- | --- |
//! | `macros/` | the attribute that takes the place of `#[test]` and `#[tokio::test]` |
//! | `module/` | upstream's test files, see [`rewrite`], with the releases that tokio's own lock file holds |
//! | `host/` | links tls-slots, opens the module through its loader, runs one test |
//!
//! | upstream | here |
//! | --- | --- |
//! | `#[tokio::test(..)]` | the host builds the runtime that the arguments ask for, and polls the body on it |
//! | `#[test]` | the body as it is, on a thread of the host; a runtime that it builds is the module's |
//!
//! One process per test, because a test that breaks takes the others with it. A test that passes in
//! mode `self-hosted` and is not in the module's list is `missing`: none can get lost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use cargo_metadata::{Message, TargetKind};
use semver::Version;
use toml_edit::{DocumentMut, Item, Table};

use super::libtest::Outcome;
use super::rewrite::rewrite;
use super::suites::{self, TEST, common_env};
use super::{Context, Error, FEATURES, Tests, process, work};
use crate::cargo;
use crate::fork::Forked;

const MACROS: &str = include_str!("templates/macros.rs");
const SUPPORT: &str = include_str!("templates/support.rs");
const HOST: &str = include_str!("templates/host.rs");

/// The release from which tokio has a stable `LocalRuntime`, and names of runtimes.
const LOCAL_SINCE: Version = Version::new(1, 51, 0);

/// Where the forks of this mode are, and what is built from them.
pub(crate) struct Projects {
    host: PathBuf,
    module: PathBuf,
    forks: PathBuf,
}

/// Writes the projects below `work`, from the tests of the fork; `files` empty means all of them.
pub(crate) fn prepare(
    context: &Context,
    work: &Path,
    upstream: &Path,
    forked: &Forked,
    version: &Version,
    files: &[String],
) -> Result<Projects, Error> {
    let projects = Projects {
        host: work.join("host"),
        module: work.join("module"),
        forks: forked.dir.clone(),
    };
    let macros = work.join("macros");
    work::write(
        &macros.join("Cargo.toml"),
        "[package]\nname = \"conformance_macros\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
         [lib]\nproc-macro = true\npath = \"lib.rs\"\n\n[workspace]\n",
    )?;
    work::write(&macros.join("lib.rs"), MACROS)?;

    let patches = forked.patch_lines();
    let manifest = work::read(&upstream.join("Cargo.toml"))?;
    let manifest = module_manifest(&manifest, version, &patches)
        .map_err(|error| Error::Manifest(upstream.join("Cargo.toml"), error))?;
    work::write(&projects.module.join("Cargo.toml"), &manifest)?;
    write_tests(&upstream.join("tests"), &projects.module.join("src"), files)?;

    work::write(
        &projects.host.join("Cargo.toml"),
        &format!(
            "[package]\nname = \"conformance-host\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
             [[bin]]\nname = \"conformance-host\"\npath = \"main.rs\"\n\n\
             [dependencies]\ntokio = {{ version = \"={version}\", features = {} }}\n\
             tls-slots = \"0.1\"\ntls-slots-load = \"0.1\"\n\n\
             [build-dependencies]\ntls-slots-build = \"0.1\"\n\n[workspace]\n\n{patches}",
            features()
        ),
    )?;
    work::write(
        &projects.host.join("build.rs"),
        "//! Exports what modules resolve their keys with.\n\n\
         fn main() {\n    tls_slots_build::host();\n}\n",
    )?;
    work::write(&projects.host.join("main.rs"), &host(version))?;

    let published = upstream.join("Cargo.lock");
    for project in [&projects.module, &projects.host] {
        work::lock(project, &published, version, context.offline)?;
    }
    Ok(projects)
}

/// The host's program: releases differ in what `#[tokio::test]` can ask for.
fn host(version: &Version) -> String {
    let local = "\"local\" => {
            let runtime = builder
                .build_local(Default::default())
                .map_err(|error| error.to_string())?;
            runtime.block_on(body)
        }";
    match *version >= LOCAL_SINCE {
        true => HOST
            .replace("/* local */", local)
            .replace("/* name */", "builder.name(name);"),
        false => HOST.to_owned(),
    }
}

/// The features of tokio on both sides.
fn features() -> String {
    let list: Vec<&str> = FEATURES.split(',').chain(["external-tls"]).collect();
    format!("{list:?}")
}

/// The module's manifest: what tokio's tests may use, which is tokio's dependencies and
/// dev-dependencies, are its dependencies.
fn module_manifest(
    upstream: &str,
    version: &Version,
    patches: &str,
) -> Result<String, toml_edit::TomlError> {
    let upstream: DocumentMut = upstream.parse()?;
    let (own, used) = enabled(&upstream);
    let mut manifest: DocumentMut = format!(
        "[package]\nname = \"conformance-module\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
         [features]\ndefault = {default:?}\n{empty}\n\
         [lib]\ncrate-type = [\"cdylib\"]\npath = \"src/lib.rs\"\n\n\
         [dependencies]\nconformance_macros = {{ path = \"../macros\" }}\n\
         tokio = {{ version = \"={version}\", features = {tokio} }}\n\n\
         [workspace]\n\n{patches}",
        // The files ask for tokio's features by `#![cfg(feature = "full")]`.
        default = own.iter().collect::<Vec<_>>(),
        empty = own
            .iter()
            .map(|feature| format!("{feature} = []\n"))
            .collect::<String>(),
        tokio = features(),
    )
    .parse()?;
    add_dependencies(&mut manifest["dependencies"], upstream.as_item(), &used);
    if let Some(targets) = upstream.get("target").and_then(Item::as_table_like) {
        for (target, tables) in targets.iter() {
            let mut dependencies = Item::Table(Table::new());
            add_dependencies(&mut dependencies, tables, &used);
            if dependencies.as_table().is_some_and(Table::is_empty) {
                continue;
            }
            let all = manifest["target"].or_insert(Item::Table(Table::new()));
            let entry = all[target].or_insert(Item::Table(Table::new()));
            entry["dependencies"] = dependencies;
        }
    }
    Ok(manifest.to_string())
}

/// Adds the `dependencies` and `dev-dependencies` of `from` that a test can use; the latter take the
/// place of the former.
fn add_dependencies(to: &mut Item, from: &Item, used: &BTreeSet<String>) {
    let Some(to) = to.as_table_like_mut() else {
        return;
    };
    for (kind, is_dev) in [("dependencies", false), ("dev-dependencies", true)] {
        let Some(from) = from.get(kind).and_then(Item::as_table_like) else {
            continue;
        };
        for (name, item) in from.iter() {
            let optional = item.get("optional").is_some();
            // Its macros are tokio's business, and tracing is for `tokio_unstable`.
            let own = name == "tokio" || name.starts_with("tokio-macros");
            if own || !is_dev && optional && !used.contains(name) {
                continue;
            }
            let mut item = item.clone();
            if let Some(table) = item.as_table_like_mut() {
                table.remove("optional");
            }
            to.insert(name, item);
        }
    }
}

/// What `full,test-util` turns on in tokio: its own features, and the optional dependencies.
fn enabled(upstream: &DocumentMut) -> (BTreeSet<String>, BTreeSet<String>) {
    let all = upstream.get("features").and_then(Item::as_table_like);
    let (mut own, mut used) = (BTreeSet::new(), BTreeSet::new());
    let mut open: Vec<String> = FEATURES.split(',').map(str::to_owned).collect();
    while let Some(one) = open.pop() {
        match all.and_then(|all| all.get(&one)).and_then(Item::as_array) {
            Some(list) => {
                if own.insert(one) {
                    let list = list.iter().filter_map(|one| one.as_str());
                    open.extend(list.map(str::to_owned));
                }
            }
            // `bytes`, `dep:bytes` or `mio/net`; `name?/feature` turns on nothing.
            None => {
                let name = one.strip_prefix("dep:").unwrap_or(&one);
                let name = name.split('/').next().unwrap_or(name);
                if !name.ends_with('?') {
                    used.insert(name.to_owned());
                }
            }
        }
    }
    (own, used)
}

/// Writes the rewritten files and the crate's root. What `files` leaves out is not a module.
fn write_tests(tests: &Path, src: &Path, files: &[String]) -> Result<(), Error> {
    let mut root = String::from(
        "//! Upstream's tests as a module of a host.\n\n#![allow(warnings)]\n\n\
         mod conformance_support;\n\n",
    );
    work::write(&src.join("conformance_support.rs"), SUPPORT)?;
    for path in work::files(tests)? {
        let text = work::read(&tests.join(&path))?;
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        let is_test = path.components().count() == 1;
        let rewritten = match is_test {
            true => rewrite(&text, name),
            // What a file shares with others is below it here.
            false => Ok(text),
        };
        let rewritten =
            rewritten.map_err(|error| Error::Lex(tests.join(&path), error.to_string()))?;
        work::write(&src.join("tests").join(&path), &rewritten)?;
        if is_test && (files.is_empty() || files.iter().any(|file| file == name)) {
            root += &format!("#[path = \"tests/{name}.rs\"]\nmod {name};\n");
        }
    }
    work::write(&src.join("lib.rs"), &root)
}

/// Builds both, and runs every test in a process of its own.
pub(crate) fn run(context: &Context, work: &Path, projects: &Projects) -> Result<Tests, Error> {
    let mut time = std::time::Duration::ZERO;
    let mut built = |folder: &Path, name: &str, kind: TargetKind| -> Result<PathBuf, Error> {
        let mut command = cargo::command(folder);
        common_env(&mut command, &work.join(format!("target-{name}")));
        command.args(["build", "--message-format", "json-render-diagnostics"]);
        let ended = suites::build(context, &mut command, &format!("module-{name}"))?;
        time += ended.time;
        artifact(&ended.stdout, &kind).ok_or_else(|| Error::Build {
            what: name.to_owned(),
            status: "without its artifact".to_owned(),
            says: process::tail(&ended.stderr, 60),
        })
    };
    let module = built(&projects.module, "module", TargetKind::CDyLib)?;
    let host = built(&projects.host, "host", TargetKind::Bin)?;
    let folder = projects.forks.join("tokio");
    let command = |args: &[&str]| {
        let mut command = Command::new(&host);
        command
            .arg(&module)
            .args(args)
            .current_dir(&folder)
            .env("CARGO_MANIFEST_DIR", &folder)
            .env_remove("RUST_BACKTRACE");
        command
    };
    let log = context.log("module", "list");
    let listed = process::run(&mut command(&["list"]), TEST, &log).map_err(Error::Start)?;
    if listed.success != Some(true) {
        return Err(Error::Build {
            what: "the module's list of tests".to_owned(),
            status: listed.status,
            says: process::tail(&listed.stderr, 60),
        });
    }
    let mut tests = Tests {
        build: time,
        ..Tests::default()
    };
    let mut queue = VecDeque::new();
    for (name, ignored) in parse_list(&listed.stdout) {
        match ignored {
            true => drop(tests.outcomes.insert(name, Outcome::Ignored)),
            false => queue.push_back(name),
        }
    }
    let started = std::time::Instant::now();
    let one = |name: &str| -> Result<Outcome, Error> {
        let log = context.log("module", &name.replace("::", "."));
        let ended = process::run(&mut command(&["run", name]), TEST, &log).map_err(Error::Start)?;
        Ok(match ended.success {
            Some(true) => {
                // 1,400 empty files are of no use to anyone.
                let _ = fs::remove_file(log.with_extension("out"));
                let _ = fs::remove_file(log.with_extension("err"));
                Outcome::Passed
            }
            Some(false) => Outcome::Failed(verdict(&ended.stderr, &ended.status)),
            None => Outcome::Hung(ended.status),
        })
    };
    let queue = Mutex::new(queue);
    let results = thread::scope(|scope| {
        let work = || -> Result<Vec<(String, Outcome, bool)>, Error> {
            let mut done = Vec::new();
            let next = || {
                queue
                    .lock()
                    .unwrap_or_else(|error| error.into_inner())
                    .pop_front()
            };
            while let Some(name) = next() {
                context.progress.detail(&format!("module: {name}"));
                let first = one(&name)?;
                let again = matches!(first, Outcome::Failed(_));
                let outcome = if again { one(&name)? } else { first };
                let second_try = again && outcome == Outcome::Passed;
                done.push((name, outcome, second_try));
            }
            Ok(done)
        };
        let workers: Vec<_> = (0..context.jobs).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect::<Result<Vec<_>, Error>>()
    })?;
    for (name, outcome, second_try) in results.into_iter().flatten() {
        if second_try {
            tests.second_try.insert(name.clone());
        }
        tests.outcomes.insert(name, outcome);
    }
    tests.run = started.elapsed();
    Ok(tests)
}

fn artifact(messages: &str, kind: &TargetKind) -> Option<PathBuf> {
    Message::parse_stream(BufReader::new(messages.as_bytes()))
        .filter_map(Result::ok)
        .filter_map(|message| match message {
            Message::CompilerArtifact(artifact) if artifact.target.kind.contains(kind) => {
                match artifact.executable {
                    Some(program) => Some(program),
                    None => artifact.filenames.into_iter().next(),
                }
            }
            _ => None,
        })
        .last()
        .map(Into::into)
}

/// The names in the host's list, and whether each is ignored.
fn parse_list(text: &str) -> BTreeMap<String, bool> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let name = fields.next()?.to_owned();
            let ignored = fields.nth(2)?;
            Some((name, ignored == "ignored"))
        })
        .collect()
}

/// Why a test failed, from what its host printed.
fn verdict(stderr: &str, status: &str) -> String {
    let said = super::libtest::reason(stderr);
    let reason = stderr
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("FAILED: "));
    match reason {
        // The same, and where.
        Some(reason) if said.starts_with(reason.trim_start_matches("panicked: ")) => said,
        Some(reason) => reason.to_owned(),
        None => format!("{status}: {said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modules_dependencies_are_tokios_dev_dependencies() {
        let upstream = "
[package]
name = \"tokio\"
[features]
full = [\"net\", \"rt\"]
net = [\"dep:mio\", \"mio/net\", \"libc\"]
rt = []
test-util = [\"rt\"]
other = []
[dependencies]
mio = { version = \"1\", optional = true }
other = { version = \"1\", optional = true }
lite = \"2\"
[dev-dependencies.futures]
version = \"0.3\"
[dev-dependencies.tokio]
path = \".\"
[target.\"cfg(unix)\".dev-dependencies.libc]
version = \"0.2\"
[target.\"cfg(unix)\".dependencies.libc]
version = \"0.2\"
optional = true
";
        let version = Version::new(1, 2, 3);
        let text = module_manifest(
            upstream,
            &version,
            "[patch.crates-io]\ntokio = { path = \"x\" }\n",
        );
        let manifest: DocumentMut = text.unwrap().parse().unwrap();
        let default: Vec<_> = manifest["features"]["default"]
            .as_array()
            .unwrap()
            .iter()
            .collect();
        assert_eq!(default.len(), 4, "{manifest}");
        assert!(manifest["features"].get("net").is_some(), "{manifest}");
        let dependencies = manifest["dependencies"].as_table().unwrap();
        assert_eq!(dependencies["futures"]["version"].as_str(), Some("0.3"));
        assert_eq!(dependencies["tokio"]["version"].as_str(), Some("=1.2.3"));
        assert!(dependencies.contains_key("lite"), "{manifest}");
        assert!(!dependencies.contains_key("other"), "{manifest}");
        assert!(dependencies["mio"].get("optional").is_none(), "{manifest}");
        let unix = &manifest["target"]["cfg(unix)"]["dependencies"];
        assert!(unix["libc"].get("optional").is_none(), "{manifest}");
    }

    #[test]
    fn lists_and_verdicts() {
        let list = parse_list("a::b\tasync\tflavor = \"local\"\t\nc::d\tsync\t\tignored\n");
        assert_eq!(
            list,
            [("a::b".to_owned(), false), ("c::d".to_owned(), true)].into()
        );
        let said = "\nthread 'x' panicked at tests/a.rs:1:2:\nboom\nFAILED: panicked: boom\n";
        assert_eq!(verdict(said, ""), "boom (tests/a.rs:1:2)");
        assert_eq!(verdict("FAILED: no such test\n", ""), "no such test");
        assert_eq!(verdict("abort\n", "signal: 6"), "signal: 6: abort");
    }
}
