//! The GitHub action: its form, and what its script does with real files.
//!
//! The problem: nobody runs an action before a release, and a mistake in it is seen by users. So
//! its file is read here, and the script of its step runs under a shell as GitHub runs it, with the
//! command of this build.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::images;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.github/actions/check/action.yml")
}

/// The action, as far as YAML matters here: each value with the names above it, such as
/// `runs/steps/0/shell`. Knows what the file uses: mappings, lists of mappings, texts on a line,
/// and texts after `|`.
fn values(text: &str) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    // Names with their indentation, and how many items a list has so far.
    let mut above: Vec<(usize, String)> = Vec::new();
    let mut items: BTreeMap<String, usize> = BTreeMap::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let mut content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        assert!(!line.contains('\t'), "a tab: {line}");
        let mut indent = line.len() - content.len();
        let is_item = content.starts_with("- ");
        above.retain(|(of, _)| *of < indent);
        if is_item {
            let list = join(&above, "");
            let index = items.entry(list).or_default();
            above.push((indent, index.to_string()));
            *index += 1;
            indent += 2;
            content = &content[2..];
        }
        let (name, value) = content
            .split_once(':')
            .unwrap_or_else(|| panic!("no name: {line}"));
        let key = join(&above, name);
        let value = match value.trim() {
            "|" => {
                let mut block = String::new();
                while let Some(line) = lines.peek() {
                    let is_inside =
                        line.trim().is_empty() || line.len() - line.trim_start().len() > indent;
                    if !is_inside {
                        break;
                    }
                    block += &format!("{}\n", line.get(indent + 2..).unwrap_or_default());
                    lines.next();
                }
                block
            }
            "" => {
                above.push((indent, name.to_owned()));
                continue;
            }
            quoted if quoted.starts_with('"') => quoted.trim_matches('"').to_owned(),
            plain => {
                assert!(
                    !plain.contains(": ") && !plain.contains(" #"),
                    "not plain: {line}"
                );
                plain.to_owned()
            }
        };
        assert_eq!(
            values.insert(key.clone(), value),
            None,
            "{key} is there twice"
        );
    }
    values
}

fn join(above: &[(usize, String)], name: &str) -> String {
    let names = above.iter().map(|(_, name)| name.as_str());
    names.chain([name]).collect::<Vec<_>>().join("/")
}

/// The names below a folder of names.
fn below(values: &BTreeMap<String, String>, folder: &str) -> BTreeSet<String> {
    let names = values.keys().filter_map(|key| key.strip_prefix(folder));
    names
        .map(|rest| rest.split('/').next().unwrap().to_owned())
        .collect()
}

/// What stands in `${{ … }}`.
fn expressions(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split("${{").skip(1);
    parts.map(|part| part.split("}}").next().unwrap().trim())
}

#[test]
fn its_form() {
    let text = fs::read_to_string(path()).unwrap();
    let values = values(&text);
    assert_eq!(
        below(&values, ""),
        ["description", "inputs", "name", "outputs", "runs"]
            .map(str::to_owned)
            .into()
    );
    assert_eq!(values["runs/using"], "composite");
    let inputs = below(&values, "inputs/");
    assert_eq!(
        inputs,
        ["host", "modules", "version"].map(str::to_owned).into()
    );
    for input in &inputs {
        let of = |name: &str| values.get(&format!("inputs/{input}/{name}"));
        assert!(of("description").is_some(), "{input}");
        // What is not required has a default.
        assert_eq!(
            of("required").unwrap() == "true",
            of("default").is_none(),
            "{input}"
        );
    }
    let steps = below(&values, "runs/steps/");
    let mut ids = BTreeSet::new();
    let mut used = BTreeSet::new();
    for step in &steps {
        let of = |name: &str| values[&format!("runs/steps/{step}/{name}")].as_str();
        assert_eq!(of("shell"), "bash");
        assert!(ids.insert(of("id")), "two steps of one name");
        // What a pull request gives must not become code.
        assert_eq!(expressions(of("run")).count(), 0, "step {step}");
        for name in below(&values, &format!("runs/steps/{step}/env/")) {
            used.extend(expressions(of(&format!("env/{name}"))));
            assert!(
                of("run").contains(&format!("${name}")),
                "{name} is not used"
            );
        }
    }
    let inputs: BTreeSet<String> = inputs.iter().map(|name| format!("inputs.{name}")).collect();
    assert_eq!(used, inputs.iter().map(String::as_str).collect());
    for output in below(&values, "outputs/") {
        let value = &values[&format!("outputs/{output}/value")];
        let from = expressions(value).next().unwrap();
        let step = from
            .strip_prefix("steps.")
            .unwrap()
            .strip_suffix(&format!(".outputs.{output}"));
        assert!(ids.contains(step.unwrap()), "{from}");
        let index = steps
            .iter()
            .find(|index| values[&format!("runs/steps/{index}/id")] == step.unwrap());
        let script = &values[&format!("runs/steps/{}/run", index.unwrap())];
        assert!(
            script.contains(&format!("\"{output}=$")),
            "nobody writes {output}"
        );
    }
    // The guide's tables have the same names.
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/check-in-ci.md");
    let page = fs::read_to_string(page).unwrap();
    for (head, names) in [
        ("| input | what it is |", below(&values, "inputs/")),
        ("| output | what it is |", below(&values, "outputs/")),
    ] {
        let rows = page.split(head).nth(1).unwrap().lines().skip(2);
        let rows = rows.take_while(|line| line.starts_with('|'));
        let told: BTreeSet<String> = rows
            .map(|row| row.split('`').nth(1).unwrap().to_owned())
            .collect();
        assert_eq!(told, names);
    }
    // The path to the command's sources, from the action's folder.
    assert!(values["runs/steps/0/run"].contains("$GITHUB_ACTION_PATH/../../../cargo-tls-slots"));
    let sources = path()
        .parent()
        .unwrap()
        .join("../../../cargo-tls-slots/Cargo.toml");
    assert!(sources.is_file());
}

/// Runs the script of the second step as GitHub does; gives its status and the outputs.
fn run(host: &str, modules: &str) -> (Option<i32>, BTreeMap<String, String>, String) {
    let values = values(&fs::read_to_string(path()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.sh");
    fs::write(&script, &values["runs/steps/1/run"]).unwrap();
    let output = folder.path().join("output");
    // `cargo tls-slots` finds the command in `PATH`.
    let command = Path::new(snapbox::cmd::cargo_bin!("cargo-tls-slots"));
    let mut search = vec![command.parent().unwrap().to_owned()];
    search.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    let ended = Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail"])
        .arg(&script)
        .current_dir(images())
        .env("PATH", std::env::join_paths(search).unwrap())
        .env("HOST", host)
        .env("MODULES", modules)
        .env("RUNNER_TEMP", folder.path())
        .env("GITHUB_OUTPUT", &output)
        .output()
        .unwrap();
    let outputs = fs::read_to_string(&output).unwrap();
    let outputs = outputs.lines().map(|line| line.split_once('=').unwrap());
    let mut outputs: BTreeMap<String, String> = outputs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let report = outputs.get_mut("report").unwrap();
    *report = fs::read_to_string(&report).unwrap();
    let log = String::from_utf8(ended.stdout).unwrap();
    (ended.status.code(), outputs, log)
}

#[test]
fn its_script() {
    let spaced = images().join("with a space.so");
    fs::copy(images().join("fits.so"), &spaced).unwrap();
    for (modules, status, count) in [
        ("fits.so", 0, 1),
        ("fits.so\n", 0, 1),
        ("with a space.so\nfits.so\n", 0, 2),
        ("fit*.so\nwith *.so", 0, 2),
        ("sync.so", 1, 1),
        ("fits.so\nnothing*.so", 2, 2),
        // Code it is not.
        ("$(exit 7)`exit 7`", 2, 1),
    ] {
        let (code, outputs, log) = run("host", modules);
        assert_eq!(code, Some(status), "{modules}: {log}");
        assert_eq!(outputs["status"], status.to_string());
        assert_eq!(outputs["fits"], (status == 0).to_string());
        let report: serde_json::Value = serde_json::from_str(&outputs["report"]).unwrap();
        assert_eq!(
            report["modules"].as_array().unwrap().len(),
            count,
            "{modules}"
        );
        assert_eq!(report["schema"], 1);
        let word = report["modules"][0]["status"].as_str().unwrap();
        assert!(log.starts_with(word), "the log has the table: {log}");
    }
    // No module, or no host: the report is empty.
    for (host, modules) in [("host", ""), ("missing", "fits.so")] {
        let (code, outputs, _) = run(host, modules);
        assert_eq!((code, outputs["report"].as_str()), (Some(2), ""));
        assert_eq!(outputs["fits"], "false");
    }
    fs::remove_file(spaced).unwrap();
}
