//! `cargo tls-slots audit` on modules that are built here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cargo_tls_slots::audit::{Audit, Error, Kind, State, Verdict, audit};

/// Declares one of everything. `log` stands for a crate that has a recipe, which is found by the
/// name.
const MODULE: &str = r#"
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

tls_keys::process_local! {
    static SHARED: AtomicU64 = AtomicU64::new(1);
}
tls_keys::thread_local! {
    static DEPTH: Cell<u64> = const { Cell::new(1) };
}
thread_local! {
    static PRIVATE: Cell<u64> = const { Cell::new(7) };
}
static OWN: AtomicU64 = AtomicU64::new(1);
static TABLE: [&str; 2] = ["constant", "data"];
#[unsafe(no_mangle)]
static UNMANGLED: AtomicU64 = AtomicU64::new(1);

unsafe extern "C" {
    safe fn from_c() -> u64;
}

#[unsafe(no_mangle)]
pub extern "C" fn everything() -> u64 {
    let text = TABLE[OWN.fetch_add(1, Relaxed) as usize % 2].len() as u64;
    SHARED.fetch_add(1, Relaxed)
        + DEPTH.replace(2)
        + PRIVATE.replace(8)
        + UNMANGLED.fetch_add(1, Relaxed)
        + log::next()
        + other::next()
        + text
        + from_c()
}
"#;

const COUNTER: &str = "
use std::sync::atomic::{AtomicU64, Ordering};
pub fn next() -> u64 {
    static COUNTER: AtomicU64 = AtomicU64::new(3);
    COUNTER.fetch_add(1, Ordering::Relaxed)
}
";

/// State of C's, which the linker gets as an object file.
const C: &str = "static unsigned long counter[3] = {1, 2, 3};
unsigned long from_c(void) { return counter[counter[0]++ % 3]; }
";

const BUILD: &str = r#"
fn main() {
    let out = std::env::var("OUT_DIR").unwrap();
    let object = format!("{out}/state.o");
    let done = std::process::Command::new("cc")
        .args(["-O1", "-fPIC", "-c", "state.c", "-o", &object])
        .status();
    assert!(done.unwrap().success());
    println!("cargo::rustc-link-arg={object}");
    println!("cargo::rerun-if-changed=state.c");
}
"#;

/// A place that stays from run to run.
fn lasting(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("audit")
        .join(name)
}

fn write(path: &Path, text: &str) {
    if !fs::read_to_string(path).is_ok_and(|old| old == text) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Builds the module as `name`, with these keys in its profile.
fn build(name: &str, profile: &str) -> PathBuf {
    let place = lasting("sources").join(name);
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tls-keys");
    let package = |name: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n")
    };
    for name in ["log", "other"] {
        write(&place.join(name).join("Cargo.toml"), &package(name));
        write(&place.join(name).join("src/lib.rs"), COUNTER);
    }
    let manifest = format!(
        "{}[workspace]\n[lib]\ncrate-type = [\"cdylib\"]\n[dependencies]\nlog = {{ path = \"log\" }}\n\
         other = {{ path = \"other\" }}\ntls-keys = {{ path = {:?} }}\n[profile.release]\n{profile}\n",
        package(name),
        keys.display().to_string()
    );
    write(&place.join("Cargo.toml"), &manifest);
    write(&place.join("src/lib.rs"), MODULE);
    write(&place.join("state.c"), C);
    write(&place.join("build.rs"), BUILD);
    let target = lasting("target");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release"])
        .current_dir(&place)
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{says}");
    target.join("release").join(format!(
        "{}{name}{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    ))
}

fn states<'a>(audit: &'a Audit, name: &str) -> Vec<&'a State> {
    audit
        .crates
        .iter()
        .filter(|one| one.name == name)
        .flat_map(|one| &one.states)
        .collect()
}

fn find<'a>(audit: &'a Audit, name: &str, path: &str) -> &'a State {
    states(audit, name)
        .into_iter()
        .find(|state| state.path == path)
        .unwrap_or_else(|| panic!("{name} has no {path}:\n{}", audit.render()))
}

fn command(args: &[&str], file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cargo-tls-slots"))
        .args(args)
        .arg(file)
        .output()
        .unwrap()
}

#[test]
fn every_kind_of_state_is_told_apart() {
    // A release build, as it is shipped, but for the symbols. std has v0 names, and the rest legacy
    // ones.
    let file = build("audited", "lto = true");
    let audit = audit(&file).unwrap();
    assert!(!audit.is_host);

    let kind = |name: &str, path: &str| {
        let state = find(&audit, name, path);
        (state.kind, state.size, state.verdict)
    };
    assert_eq!(kind("audited", "audited::SHARED").0, Kind::Key);
    assert_eq!(kind("audited", "audited::DEPTH").0, Kind::Key);
    let own = Verdict::Harmless;
    assert_eq!(kind("audited", "audited::OWN"), (Kind::Static, 8, own));
    assert_eq!(
        kind("audited", "audited::PRIVATE"),
        (Kind::ThreadLocal, 8, own)
    );
    // The key's own instance is not a second static; a constant is none.
    let paths: Vec<&str> = states(&audit, "audited")
        .iter()
        .map(|one| one.path.as_str())
        .collect();
    assert!(
        !paths
            .iter()
            .any(|path| path.contains("INSTANCE") || path.contains("TABLE")),
        "{paths:?}"
    );

    assert_eq!(
        kind("(C)", "counter (state.c)"),
        (Kind::Static, 24, Verdict::Unknown)
    );
    assert_eq!(
        kind("other", "other::next::COUNTER"),
        (Kind::Static, 8, Verdict::Unknown)
    );
    let log = find(&audit, "log", "log::next::COUNTER");
    assert_eq!((log.kind, log.verdict), (Kind::Static, Verdict::Breaks));
    assert_eq!(log.fix.as_deref(), Some("cargo tls-slots fork log"));
    assert!(
        states(&audit, "std")
            .iter()
            .all(|one| one.verdict <= Verdict::Caution)
    );
    // The worst crate first.
    assert_eq!(audit.crates[0].name, "log");
    assert!(audit.named <= audit.bytes);
}

/// A line with one blank where there are several.
fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_command_denies_what_breaks() {
    let file = build("denied", "");
    let run = |args: &[&str]| {
        let output = command(args, &file);
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, text) = run(&["audit"]);
    assert_eq!(code, Some(0));
    // Its own two, and those of tls-keys.
    assert!(
        text.starts_with("module libdenied.so: 8 shared keys;"),
        "{text}"
    );
    // A line a crate, the worst first, with what helps. `other` is a crate of the user's own.
    let lines: Vec<String> = text.lines().map(squeezed).collect();
    assert_eq!(
        lines[2],
        "breaks log 1 static the logger is set per copy: a module's records vanish; \
         cargo tls-slots fork log"
    );
    let unknown = |name: &str| {
        let start = format!("unknown {name} ");
        lines[3..5].iter().find(|line| line.starts_with(&start))
    };
    assert!(unknown("(C)").is_some(), "{text}");
    let other = unknown("other").expect(&text);
    assert!(other.contains("`tls_keys::process_local!`"), "{other}");
    assert!(!text.contains("COUNTER"), "{text}");

    let (code, text) = run(&["audit", "--all"]);
    assert_eq!(code, Some(0));
    assert!(
        text.contains("    cure: cargo tls-slots fork log\n"),
        "{text}"
    );
    assert!(
        text.contains("    static log::next::COUNTER (8 bytes)\n"),
        "{text}"
    );
    assert_eq!(run(&["audit", "--deny"]).0, Some(1));
    assert_eq!(run(&["audit", "--deny=unknown"]).0, Some(1));

    let (code, text) = run(&["audit", "--format", "json"]);
    assert_eq!(code, Some(0));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json[0]["crates"][0]["crate"], "log");
    assert_eq!(json[0]["crates"][0]["verdict"], "breaks");
    assert_eq!(json[0]["crates"][0]["states"][0]["bytes"], 8);
}

#[test]
fn a_stripped_file_is_said_to_be() {
    let file = build("stripped", "strip = true");
    let error = audit(&file).unwrap_err();
    assert!(
        matches!(error, Error::Stripped { bytes, .. } if bytes > 0),
        "{error}"
    );
    let output = command(&["audit", "--deny"], &file);
    assert_eq!(output.status.code(), Some(2));
    let says = String::from_utf8(output.stderr).unwrap();
    assert!(
        says.contains("is stripped: ") && says.contains("`strip = true`"),
        "{says}"
    );

    let output = command(&["audit"], Path::new("Cargo.toml"));
    assert_eq!(output.status.code(), Some(2));
    let says = String::from_utf8(output.stderr).unwrap();
    assert!(
        says.contains("is no program and no shared library"),
        "{says}"
    );
}
