//! What host and module *link*: a crate that only one of them has forked, and a std that is not
//! their own. A manifest does not say so; the files do.
//!
//! Each row builds a host and a module by cargo invocations of their own (`projects.rs`), and asks
//! at three doors: `cargo tls-slots check`, `Module::load`, and `dlopen` alone. On the commit
//! before these rows, all three said that each of the refused modules fits, but for the file
//! without a manifest: there nothing was said of its tokio.

mod projects;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cargo_tls_slots::{check, inspect, with_causes};
use projects::{HOST, Kind, MODULE, Project};
use tls_slots_tests::process::Ended;

const DEADLINE: Duration = Duration::from_secs(30);

/// Uses arc-swap, with its state.
const SWAP: &str =
    "let swap = arc_swap::ArcSwap::from_pointee(1); linked += u64::from(**swap.load() == 0);";

/// Uses log, with its state.
const LOGGER: &str = "linked += log::max_level() as u64;";

/// Uses log's code, and not its state.
const LEVEL: &str =
    "linked += u64::from(std::env::args().any(|word| word.parse::<log::Level>().is_ok()));";

/// Uses tokio, with its state.
const RUNTIME: &str = "let runtime = tokio::runtime::Builder::new_current_thread().build();
    linked += u64::from(runtime.expect(\"a runtime\").block_on(async { 0_u8 }));";

/// A host that has forked arc-swap.
const SWAP_HOST: Project = Project {
    name: "swap-host",
    dependencies: "arc-swap = \"=1.9.2\"\n",
    link: SWAP,
    forks: &["arc-swap"],
    ..HOST
};

/// A host whose arc-swap is the registry's.
const UNFORKED_HOST: Project = Project {
    name: "unforked-host",
    dependencies: "arc-swap = \"=1.9.5\"\n",
    link: SWAP,
    ..HOST
};

/// A module that has forked arc-swap.
const FORKED: Project = Project {
    name: "forked",
    dependencies: "arc-swap = \"=1.9.2\"\n",
    link: SWAP,
    forks: &["arc-swap"],
    ..MODULE
};

/// A module that asks for a newer arc-swap than that of the fork. Cargo only warns of the patch.
const NEWER: Project = Project {
    name: "newer",
    dependencies: "arc-swap = \"1.9.4\"\n",
    link: SWAP,
    forks: &["arc-swap"],
    ..MODULE
};

const TOKIO_HOST: Project = Project {
    name: "tokio-host",
    dependencies: "tokio = { version = \"1.54\", features = [\"external-tls\", \"rt\"] }\n",
    link: RUNTIME,
    forks: &["tokio", "tokio-macros"],
    ..HOST
};

/// A module that has tokio's fork, and has not turned it on.
const WITHOUT_FEATURE: Project = Project {
    name: "without-feature",
    dependencies: "tokio = { version = \"1.54\", features = [\"rt\"] }\n",
    link: RUNTIME,
    forks: &["tokio", "tokio-macros"],
    ..MODULE
};

/// Runs a host on a module.
#[track_caller]
fn run(host: &Path, how: &str, module: &Path, allowed: &[&str]) -> Ended {
    let mut command = Command::new(host);
    command.arg(how).arg(module).args(allowed);
    let ended = projects::run(&mut command, DEADLINE);
    ended.assert_ok();
    ended
}

/// Asserts that the module fits, at all doors, and works.
#[track_caller]
fn fits(host: &Project, module: &Project) {
    let [host, module] = [host.built(), module.built()];
    let report = check::check(&host, &[&module]).expect("a host");
    assert_eq!(report.status(), 0, "{}", report.render());
    run(&host, "load", &module, &[]).assert_says("LOAD ok");
    run(&host, "raw", &module, &[]).assert_says("IMAGE fits");
}

/// Asserts that the module is refused, at all doors and in the same words.
#[track_caller]
fn refused(host: &Project, module: &Project, words: &[&str]) {
    let [host, module] = [host.built(), module.built()];
    let report = check::check(&host, &[&module]).expect("a host");
    let verdict = &report.modules[0].verdict;
    assert_eq!(verdict.word(), "refused", "{}", report.render());
    let reason = verdict.reason().expect("it is refused");
    for word in words {
        assert!(reason.contains(word), "no `{word}` in\n{reason}");
    }
    run(&host, "load", &module, &[]).assert_says(&reason);
    run(&host, "raw", &module, &[]).assert_says(&format!("IMAGE {reason}"));
}

#[test]
fn a_fork_of_the_host_only() {
    refused(
        &SWAP_HOST,
        &NEWER,
        &[
            "arc-swap: its state  shared (fork of 1.9.2)  its own (1.9.5, not the fork)",
            "run `cargo update arc-swap --precise 1.9.2`",
        ],
    );
}

#[test]
fn a_fork_of_the_module_only() {
    refused(
        &UNFORKED_HOST,
        &FORKED,
        &[
            "arc-swap: its state  its own (1.9.5, not the fork)  shared (fork of 1.9.2)",
            "arc-swap is forked for the module only.",
        ],
    );
}

#[test]
fn private_state_may_be_allowed() {
    let [host, module] = [SWAP_HOST.built(), NEWER.built()];
    run(&host, "load", &module, &["log", "arc-swap"]).assert_says("LOAD ok");
    run(&host, "load", &module, &["log"]).assert_says("arc-swap: its state");
}

/// What is allowed for a module is not allowed for a library that comes with the module. Before
/// this test, it was, and nobody looked at the library's file.
#[test]
fn what_is_allowed_is_about_one_file() {
    let needing = Project {
        name: "needing",
        rustc: &[
            "-Clink-arg=-L../target/debug",
            "-Clink-arg=-Wl,--no-as-needed",
            "-Clink-arg=-l:libnewer.so",
        ],
        ..MODULE
    };
    let [host, newer, needing] = [SWAP_HOST.built(), NEWER.built(), needing.built()];
    let ended = run(&host, "load", &needing, &["arc-swap"]);
    ended
        .assert_says("LOAD ok")
        .assert_says("IMAGE fits")
        .assert_says("IMAGE the module does not fit its host in 1 point:")
        .assert_says("arc-swap: its state");
    run(&host, "load", &newer, &["arc-swap"]).assert_says("IMAGE fits");
}

#[test]
fn a_release_that_the_lock_file_holds_at_the_forks_version() {
    let module = Project {
        name: "no-patch",
        dependencies: "arc-swap = \"=1.9.2\"\n",
        forks: &[],
        ..NEWER
    };
    refused(
        &SWAP_HOST,
        &module,
        &["its own (1.9.2, not the fork)", "under `[patch.crates-io]`"],
    );
}

#[test]
fn a_file_without_symbols() {
    let stripped = Project {
        name: "stripped",
        rustc: &["-Cstrip=symbols"],
        ..FORKED
    };
    fits(&SWAP_HOST, &stripped);
    let stripped = Project {
        name: "stripped-newer",
        rustc: &["-Cstrip=symbols"],
        ..NEWER
    };
    refused(&SWAP_HOST, &stripped, &["linked without the fork (1.9.5)"]);
}

/// `cargo vendor` names a crate's folder without its version.
#[test]
fn a_vendored_crate() {
    let vendored = Project {
        name: "vendored",
        dependencies: "arc-swap = \"=1.9.5\"\n",
        settings: "[patch.crates-io]\narc-swap = { path = \"../vendor/arc-swap\" }\n",
        forks: &[],
        ..NEWER
    };
    let to_vendor = Project {
        name: "to-vendor",
        settings: "",
        ..vendored.clone()
    };
    to_vendor.vendor();
    refused(&SWAP_HOST, &vendored, &["its own (not the fork)"]);
    fits(&UNFORKED_HOST, &vendored);
    let stripped = Project {
        name: "vendored-stripped",
        rustc: &["-Cstrip=symbols"],
        ..vendored
    };
    let words = ["linked without the fork (version unknown)"];
    refused(&SWAP_HOST, &stripped, &words);
}

#[test]
fn what_shares_nothing_on_either_side() {
    // The fork on both sides; the crate of the registry on both; the crate on one side only, forked
    // or not.
    fits(&SWAP_HOST, &FORKED);
    fits(&UNFORKED_HOST, &NEWER);
    fits(&SWAP_HOST, &MODULE);
    fits(&HOST, &FORKED);
    fits(&HOST, &NEWER);
}

#[test]
fn code_without_its_state() {
    let host = Project {
        name: "log-host",
        dependencies: "log = \"=0.4.30\"\n",
        link: LOGGER,
        forks: &["log"],
        ..HOST
    };
    let level = Project {
        name: "level",
        dependencies: "log = \"=0.4.35\"\n",
        link: LEVEL,
        ..MODULE
    };
    fits(&host, &level);
    let logger = Project {
        name: "logger",
        link: LOGGER,
        ..level
    };
    refused(&host, &logger, &["log: its state"]);
}

#[test]
fn a_release_that_cargo_would_let_stand_beside_the_fork() {
    let old = Project {
        name: "old",
        dependencies: "arc-swap = \"0.4.8\"\n",
        link: SWAP,
        ..MODULE
    };
    fits(&SWAP_HOST, &old);
}

#[test]
fn tokio_without_its_feature() {
    let words = [
        "tokio: its state  shared (fork of 1.54.1)  its own (1.54.1, not the fork)",
        "`features = [\"external-tls\"]` for tokio",
        "under `[patch.crates-io]`",
    ];
    refused(&TOKIO_HOST, &WITHOUT_FEATURE, &words);
}

#[test]
fn tokio_in_a_file_without_a_manifest() {
    let library = Project {
        name: "library",
        kind: Kind::Library,
        ..WITHOUT_FEATURE
    };
    let [host, library] = [TOKIO_HOST.built(), library.built()];
    let words = "it links tokio without the fork, which the host has; its Cargo.toml needs \
                 `features = [\"external-tls\"]` for tokio, and the lines for tokio under \
                 `[patch.crates-io]`";
    let report = check::check(&host, &[&library]).expect("a host");
    assert_eq!(report.status(), 1, "{}", report.render());
    assert!(report.render().contains(words), "{}", report.render());
    run(&host, "load", &library, &[]).assert_says(words);
}

#[test]
fn a_std_that_is_shared() {
    let module = Project {
        name: "dynamic",
        rustc: &["-Cprefer-dynamic"],
        ..MODULE
    };
    refused(
        &HOST,
        &module,
        &[
            "std   its own  shared, by libstd-",
            "Build the module without `-C prefer-dynamic`",
        ],
    );
    let host = Project {
        name: "dynamic-host",
        rustc: &["-Cprefer-dynamic"],
        ..HOST
    };
    refused(
        &host,
        &MODULE,
        &["Build the host without `-C prefer-dynamic`"],
    );
    refused(&host, &module, &["Build both without `-C prefer-dynamic`"]);
}

/// The layout of who comes from rubicon: a program, and a `dylib` that has what is shared. On the
/// commit before this test, the first use of a key said that its image is being loaded or unloaded,
/// and `check` that the file is to be built again.
#[test]
fn a_host_that_links_a_rust_dylib() {
    let exports = Project {
        name: "exports",
        kind: Kind::Dylib,
        ..HOST
    };
    exports.write();
    let host = Project {
        name: "dylib-host",
        dependencies: "exports = { path = \"../exports\" }\n",
        link: "
    use std::sync::atomic::{AtomicU64, Ordering};
    tls_keys::process_local! { static OF_THE_HOST: AtomicU64 = AtomicU64::new(0); }
    linked += exports::OF_THE_DYLIB.load(Ordering::SeqCst);
    let first = std::panic::catch_unwind(|| OF_THE_HOST.load(Ordering::SeqCst));
    println!(\"FIRST USE {}\", first.is_ok());",
        ..HOST
    };
    let [host, module] = [host.built(), MODULE.built()];
    let cure = "`crate-type = [\"rlib\"]`";
    let load = run(&host, "load", &module, &[]);
    load.assert_says("FIRST USE false")
        .assert_says("libexports.so); give the package of such a library")
        .assert_says(
            "is not registered: tls-keys is not in it but in a Rust `dylib` that it links (the",
        )
        .assert_says("shared, by libstd-")
        .assert_says(cure);
    let words = "`tls-keys` is not in the file but in a Rust `dylib` that the file needs (it is among \
                 libexports.so";
    let inspected = with_causes(&inspect::read(&host).expect_err("it is not whole"));
    let checked = with_causes(&check::check(&host, &[&module]).expect_err("it is not whole"));
    for said in [inspected, checked] {
        assert!(said.contains(words) && said.contains(cure), "{said}");
    }
}

#[test]
fn a_module_that_links_a_rust_dylib() {
    let exports = Project {
        name: "exports",
        kind: Kind::Dylib,
        ..HOST
    };
    exports.write();
    let module = Project {
        name: "dylib-module",
        dependencies: "exports = { path = \"../exports\" }\n",
        link: "linked += exports::OF_THE_DYLIB.load(Ordering::SeqCst);",
        ..MODULE
    };
    let [host, module] = [HOST.built(), module.built()];
    let words = "in a Rust `dylib` that the module needs (it is among libexports.so";
    run(&host, "load", &module, &[]).assert_says(words);
    let report = check::check(&host, &[&module]).expect("a host");
    assert!(
        report.render().contains("in a Rust `dylib`"),
        "{}",
        report.render()
    );
}
