//! Features of a forked crate that host and module need not agree on, and those that they must:
//! real builds of `log`, compared by `check`.
//!
//! At the start every feature of `log` that a source names refused a module.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_tls_slots::check::{self, Verdict};
use cargo_tls_slots::fork::{self, ForkOptions};
use tls_slots_tests::scratch;

/// A place that stays from run to run.
fn lasting(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("features");
    folder.join(name)
}

fn write(path: &Path, text: &str) {
    if !fs::read_to_string(path).is_ok_and(|old| old == text) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Builds a host, or a module, whose `log` has these features.
fn build(patches: &str, is_host: bool, features: &[&str]) -> PathBuf {
    let kind = if is_host { "host" } else { "module" };
    let name = [&["features", kind], features].concat().join("_");
    let folder = lasting("sources").join(&name);
    let rest = match is_host {
        true => {
            "[build-dependencies]\ntls-slots-build = \"0.1\"\n[dependencies]\ntls-slots = \"0.1\"\n"
        }
        false => "[lib]\ncrate-type = [\"cdylib\"]\n[dependencies]\ntls-keys = \"0.1\"\n",
    };
    let cargo_toml = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n\
         [profile.dev]\ndebug = false\n{rest}log = {{ version = \"=0.4.35\", features = {features:?} }}\n\
         {patches}"
    );
    write(&folder.join("Cargo.toml"), &cargo_toml);
    let uses = "log::set_max_level(log::LevelFilter::Info); log::info!(\"hello\");";
    match is_host {
        true => {
            let main = format!("use tls_slots as _;\nfn main() {{ {uses} }}\n");
            write(&folder.join("src/main.rs"), &main);
            let script = "fn main() { tls_slots_build::host(); }\n";
            write(&folder.join("build.rs"), script);
        }
        false => {
            let entry = format!("#[unsafe(no_mangle)]\npub extern \"C\" fn entry() {{ {uses} }}\n");
            let keys = "tls_keys::process_local! { pub static MINE: u8 = 0; }\n";
            write(&folder.join("src/lib.rs"), &format!("{keys}{entry}"));
        }
    }
    let target = scratch().join("target");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet"])
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{says}");
    let (prefix, suffix) = match is_host {
        true => ("", std::env::consts::EXE_SUFFIX),
        false => (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX),
    };
    target.join("debug").join(format!("{prefix}{name}{suffix}"))
}

/// What `check` says of a host and a module whose `log` have these features: what differs.
fn differs(patches: &str, host: &[&str], module: &[&str]) -> Vec<String> {
    let host = build(patches, true, host);
    let module = build(patches, false, module);
    let report = check::check(&host, &[&module]).unwrap();
    match &report.modules[0].verdict {
        Verdict::Fits => Vec::new(),
        Verdict::Differs(mismatch) => {
            let all = mismatch.differences.iter();
            all.map(|one| one.what.clone()).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_features_that_change_something_refuse_a_module() {
    let mut options = ForkOptions::new(lasting("forks"));
    options.crates = vec!["log@0.4.35".parse().unwrap()];
    let patches = fork::fork(&options).unwrap().patch_lines();
    let none: &[&str] = &[];
    for feature in ["std", "alloc", "serde", "max_level_debug"] {
        assert_eq!(differs(&patches, &[feature], none), [""; 0], "{feature}");
        assert_eq!(differs(&patches, none, &[feature]), [""; 0], "{feature}");
    }
    // `Record` has another field.
    assert_eq!(differs(&patches, &["kv"], none), ["log: feature `kv`"]);
    // With `kv`, `std` adds a variant to an error of `kv`.
    assert_eq!(
        differs(&patches, &["kv", "std"], &["kv"]),
        ["log: feature `std`"]
    );
}
