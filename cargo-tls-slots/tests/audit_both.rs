//! `cargo tls-slots audit HOST MODULE…` on a host and modules that are built here, with forks.
//!
//! The host is large in the way that hosts are: hundreds of `tracing` callsites in crates that
//! both sides have, and crates with state that no module has. At the start, 900 lines told of such
//! a pair, and `--deny` failed for a static that a recipe keeps per copy.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cargo_tls_slots::audit::{Both, Kind, Verdict, audit};

use images::{forked, image, write};

mod images;

/// How many callsites the crate `calls` has.
const CALLSITES: usize = 300;

/// What host and module call. `foldhash` has a static that its recipe keeps per copy; `own-thing`
/// is a crate of the user's own, and its slice gives it a place that panics.
const USES: &str = r#"
pub fn uses() -> u64 {
    use std::hash::BuildHasher;
    calls::calls();
    log::info!("hello");
    foldhash::quality::RandomState::default().hash_one(1) + own_thing::next(&[1, 2, 3])
}
"#;

const HOST: &str = r#"
use tls_slots as _;

fn main() {
    println!("{} {}", uses(), only_host::next(&[1, 2, 3]));
}
"#;

const MODULE: &str = r#"
tls_keys::process_local! {
    static MINE: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
}

#[unsafe(no_mangle)]
pub extern "C" fn entry() -> u64 {
    uses() + MINE.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}
"#;

const COUNTER: &str = "
use std::sync::atomic::{AtomicUsize, Ordering};
static COUNT: AtomicUsize = AtomicUsize::new(0);
pub fn next(list: &[u64]) -> u64 {
    list[COUNT.fetch_add(1, Ordering::Relaxed)]
}
";

/// A place that stays from run to run.
fn lasting(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("audit-both");
    folder.join(name)
}

/// The crates of their own.
fn sources(place: &Path) {
    let package = |name: &str, rest: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{rest}")
    };
    let calls = (0..CALLSITES).map(|n| format!("    tracing::info!(n = {n}, \"call\");\n"));
    let calls = format!("pub fn calls() {{\n{}}}\n", calls.collect::<String>());
    let tracing = "[dependencies]\ntracing = { version = \"=0.1.44\", default-features = false, features = [\"std\"] }\n";
    write(&place.join("calls/Cargo.toml"), &package("calls", tracing));
    write(&place.join("calls/src/lib.rs"), &calls);
    // Who says `agree!` has a record, as forks have, and is none.
    let keys = "[dependencies]\ntls-keys = { version = \"0.1\", features = [\"std\"] }\n";
    let agrees = format!("tls_keys::agree!();\n{COUNTER}");
    for (name, dependencies, code) in [("own-thing", keys, &*agrees), ("only-host", "", COUNTER)] {
        write(
            &place.join(name).join("Cargo.toml"),
            &package(name, dependencies),
        );
        write(&place.join(name).join("src/lib.rs"), code);
    }
}

/// Builds a host or module as `name`, with these patches.
fn build(place: &Path, name: &str, is_host: bool, patches: &str) -> PathBuf {
    let mut dependencies = "calls = { path = \"../calls\" }\n\
         own-thing = { path = \"../own-thing\" }\nlog = \"=0.4.35\"\nfoldhash = \"=0.2.0\"\n"
        .to_owned();
    let code = match is_host {
        true => {
            dependencies += "only-host = { path = \"../only-host\" }\n";
            format!("{HOST}{USES}")
        }
        false => format!("{MODULE}{USES}"),
    };
    image(&place.join(name), is_host, &code, &dependencies, patches)
}

fn command(args: &[&str], files: &[&Path]) -> (Option<i32>, String) {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_cargo-tls-slots"))
        .arg("audit")
        .args(args)
        .args(files)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text)
}

/// The lines, each with one blank where there are several.
fn squeezed(text: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(words).collect()
}

#[test]
fn what_both_have_is_told_and_cured() {
    let place = lasting("sources");
    sources(&place);
    // Everything but `log` is forked.
    let some = forked(
        place.join("forks"),
        &["foldhash@0.2.0", "tracing-core@0.1.36"],
    );
    let host = build(&place, "both_host", true, &some);
    let module = build(&place, "both_module", false, &some);
    let (code, text) = command(&[], &[&host, &module]);
    assert_eq!(code, Some(0));
    let lines = squeezed(&text);
    assert_eq!(
        lines[2],
        "breaks log 3 statics the logger is set per copy: a module's records vanish; \
         cargo tls-slots fork log",
        "{text}"
    );
    assert_eq!(
        lines[3], "unknown own_thing 1 static declare it by `tls_keys::process_local!`",
        "{text}"
    );
    assert!(lines[4].starts_with("caution std "), "{text}");
    assert!(
        lines[5].starts_with("not listed: ")
            && lines[5].contains("crates that only the host has, ")
            && lines[5].contains(&format!(", {CALLSITES} callsites of `tracing`; ")),
        "{text}"
    );
    assert_eq!(lines.len(), 6, "{text}");
    assert_eq!(command(&["--deny"], &[&host, &module]).0, Some(1));

    // What the host alone has is told of the host alone.
    assert!(!text.contains("only_host"), "{text}");
    let (_, alone) = command(&[], &[&host]);
    assert!(alone.contains("unknown  only_host "), "{alone}");
    let (_, all) = command(&["--all"], &[&host, &module]);
    let state = "    static own_thing::COUNT (8 bytes)\n";
    assert!(all.contains(state) && !text.contains(state), "{all}");

    // The JSON of each file is what it was, and the host's says what both have.
    let (_, json) = command(&["--format", "json"], &[&module, &host]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json[0]["kind"], &json[1]["kind"]),
        (&"module".into(), &"host".into())
    );
    let both = &json[1]["both"];
    assert_eq!(both["crates"][0]["crate"], "log");
    assert_eq!(both["modules"].as_array().unwrap().len(), 1);
    assert!(json[0].get("both").is_none());

    // The cures work: `log` forked, and `own-thing` declared.
    let all = forked(
        place.join("forks"),
        &["foldhash@0.2.0", "tracing-core@0.1.36", "log@0.4.35"],
    );
    let shared = COUNTER.replace(
        "static COUNT: AtomicUsize = AtomicUsize::new(0);",
        "tls_keys::process_local! { static COUNT: AtomicUsize = AtomicUsize::new(0); }",
    );
    let cured = lasting("cured");
    sources(&cured);
    write(&cured.join("own-thing/src/lib.rs"), &shared);
    write(
        &cured.join("own-thing/Cargo.toml"),
        "[package]\nname = \"own-thing\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\n\
         tls-keys = { version = \"0.1\", default-features = false }\n",
    );
    let host = build(&cured, "cured_host", true, &all);
    let module = build(&cured, "cured_module", false, &all);
    let (code, text) = command(&["--deny=unknown"], &[&host, &module]);
    assert_eq!(code, Some(0), "{text}");
    assert!(squeezed(&text)[2].starts_with("caution std "), "{text}");
    // A host alone, fully forked: what `foldhash`'s recipe keeps per copy denies nothing.
    assert_eq!(command(&["--deny"], &[&host]).0, Some(0));
    let host = audit(&host).unwrap();
    let kept = host.crates.iter().flat_map(|one| &one.states);
    let kept: Vec<_> = kept
        .filter(|one| one.path.ends_with("::PER_HASHER_NONDETERMINISM"))
        .collect();
    assert!(!kept.is_empty(), "{}", host.render_all());
    assert!(kept.iter().all(|one| one.kind != Kind::Key
        && one.verdict == Verdict::Harmless
        && one.reason == "makes seeds that a map does keep"));
}

#[test]
fn a_fork_on_one_side_only_is_told() {
    let place = lasting("one-sided");
    sources(&place);
    let all = forked(
        place.join("forks"),
        &["foldhash@0.2.0", "tracing-core@0.1.36", "log@0.4.35"],
    );
    let lines = all.lines().filter(|line| !line.starts_with("foldhash "));
    let without: String = lines.map(|line| format!("{line}\n")).collect();
    let host = build(&place, "sided_host", true, &all);
    let module = build(&place, "sided_module", false, &without);
    let audits = [audit(&host).unwrap(), audit(&module).unwrap()];
    let both = Both::of(&audits).unwrap();
    let found = &both.crates[0];
    assert_eq!(
        (&*found.name, found.verdict()),
        ("foldhash", Verdict::Breaks)
    );
    let seed = found
        .states
        .iter()
        .find(|one| one.path.contains("GLOBAL_SEED"));
    let seed = seed.unwrap_or_else(|| panic!("{}", both.render_all()));
    assert_eq!(
        seed.reason,
        "shared on one side only: the module links a copy that is not the fork"
    );
    let (code, text) = command(&["--deny"], &[&host, &module]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("the module needs the lines of [patch.crates-io]"),
        "{text}"
    );
}
