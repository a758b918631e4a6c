//! What host and module *link*: a crate that only one of them has forked, and a std that is not
//! their own. A manifest does not say so; the files do.
//!
//! Each row builds a host and a module by cargo invocations of their own (`projects.rs`), and asks
//! at up to three doors: `cargo tls-slots check`, `Module::load`, and `dlopen` alone. On the commit
//! before these rows, `check` and `Module::load` said that each of the refused ones fits.

mod projects;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cargo_tls_slots::check;
use projects::{HOST, MODULE, Project};
use tls_slots_tests::process::{self, Ended};

const DEADLINE: Duration = Duration::from_secs(30);

/// Uses arc-swap, with its state.
const SWAP: &str = "let swap = arc_swap::ArcSwap::from_pointee(1); linked += **swap.load() as u64;";

/// Uses log's code, without its state.
const LEVEL: &str = "linked += \"info\".parse::<log::Level>().map_or(0, |level| level as u64);";

/// Uses log's state.
const LOGGER: &str = "linked += log::max_level() as u64; log::info!(\"linked\");";

const HOST_WITH_FORKS: Project = Project {
    name: "host-with-forks",
    dependencies: "arc-swap = \"=1.9.2\"\nlog = \"=0.4.30\"\n",
    link: concat!(
        "let swap = arc_swap::ArcSwap::from_pointee(1); linked += **swap.load() as u64;",
        "linked += log::max_level() as u64;"
    ),
    forks: &["arc-swap", "log"],
    ..HOST
};

const MODULE_WITH_FORK: Project = Project {
    name: "module-with-fork",
    dependencies: "arc-swap = \"=1.9.2\"\n",
    link: SWAP,
    forks: &["arc-swap"],
    ..MODULE
};

const MODULE_WITH_NEWER: Project = Project {
    name: "module-with-newer",
    dependencies: "arc-swap = \"=1.9.5\"\n",
    link: SWAP,
    forks: &["arc-swap"],
    ..MODULE
};

/// Runs a host on a module.
#[track_caller]
fn run(host: &Path, how: &str, module: &Path, allowed: &[&str]) -> Ended {
    let mut command = Command::new(host);
    let ended = process::run(command.arg(how).arg(module).args(allowed), DEADLINE);
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

/// Asserts that the module is refused, in these words, by `check` and by `Module::load`.
#[track_caller]
fn refused(host: &Path, module: &Path, words: &[&str]) {
    let report = check::check(host, &[module]).expect("a host");
    assert_eq!(
        report.modules[0].verdict.word(),
        "refused",
        "{}",
        report.render()
    );
    let load = run(host, "load", module, &[]);
    for word in words {
        assert!(
            report.render().contains(word),
            "no `{word}` in\n{}",
            report.render()
        );
        load.assert_says(word);
    }
}

#[test]
fn a_fork_that_only_the_host_uses() {
    let [host, module] = [HOST_WITH_FORKS.built(), MODULE_WITH_NEWER.built()];
    refused(
        &host,
        &module,
        &[
            "arc-swap: its state  shared (fork of 1.9.2)  its own (1.9.5, not the fork)",
            "run `cargo update arc-swap --precise 1.9.2`",
            "`LoadOptions::allow_private(\"arc-swap\")`",
        ],
    );
    run(&host, "load", &module, &["serde"]).assert_says("arc-swap: its state");
    run(&host, "load", &module, &["arc-swap"]).assert_says("LOAD ok");
}
