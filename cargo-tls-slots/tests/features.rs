//! Features of a forked crate that host and module need not agree on, and those that they must:
//! real builds of `log`, compared by `check`.
//!
//! At the start every feature of `log` that a source names refused a module.

use std::path::{Path, PathBuf};

use cargo_tls_slots::check::{self, Verdict};

use images::{forked, image};

mod images;

/// A place that stays from run to run.
fn lasting(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("features");
    folder.join(name)
}

/// Builds a host, or a module, whose `log` has these features.
fn build(patches: &str, is_host: bool, features: &[&str]) -> PathBuf {
    let kind = if is_host { "host" } else { "module" };
    let name = [&["features", kind], features].concat().join("_");
    let uses = "log::set_max_level(log::LevelFilter::Info); log::info!(\"hello\");";
    let code = match is_host {
        true => format!("use tls_slots as _;\nfn main() {{ {uses} }}\n"),
        false => format!(
            "tls_keys::process_local! {{ pub static MINE: u8 = 0; }}\n\
             #[unsafe(no_mangle)]\npub extern \"C\" fn entry() {{ {uses} }}\n"
        ),
    };
    let log = format!("log = {{ version = \"=0.4.35\", features = {features:?} }}\n");
    image(
        &lasting("sources").join(&name),
        is_host,
        &code,
        &log,
        patches,
    )
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
    let patches = forked(lasting("forks"), &["log@0.4.35"]);
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
