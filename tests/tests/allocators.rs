//! Host and modules with various allocators: which pairs fit, what the others are told, and memory
//! in both directions where they fit. Host and module are built apart; the work is in
//! `fixtures/alloc_host/src/main.rs`.
//!
//! `Marked` is an allocator that ends its process with status 42 when it is to free a block of
//! another image: a pair that corrupts memory fails at once, not sometimes. The first test shows
//! that it does.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tls_slots_manifest::Manifest;
use tls_slots_tests::building::Building;
use tls_slots_tests::process::{self, Ended};
use tls_slots_tests::project::Project;

const DEADLINE: Duration = Duration::from_secs(60);

/// What frees a foreign block says, and with which status, see `fixtures/alloc_marked`.
const FOREIGN: i32 = 42;

/// A fixture with one of its features, or none (`system`).
fn with(fixture: &str, feature: &str) -> Project {
    match feature {
        "system" => Project::new(fixture),
        feature => Project::new(fixture).features(feature),
    }
}

fn host(allocator: &str) -> PathBuf {
    with("alloc_host", allocator).built()
}

fn module(allocator: &str) -> PathBuf {
    with("alloc_module", allocator).built()
}

fn run(host: PathBuf, what: &str, library: PathBuf) -> Ended {
    process::run(Command::new(host).arg(what).arg(library), DEADLINE)
}

#[track_caller]
fn works(on: &str, with: &str) {
    let ended = run(host(on), "work", module(with));
    ended.assert_success();
    assert_eq!(ended.result(), Some("ok"), "{on} with {with}: {ended}");
}

#[track_caller]
fn refused(on: &str, with: &str, reason: &str) {
    let ended = run(host(on), "work", module(with));
    ended.assert_success();
    let expected = format!("refused: {reason}");
    assert_eq!(
        ended.result(),
        Some(&*expected),
        "{on} with {with}: {ended}"
    );
}

/// The control: without a check, the host frees what is not its own, and that is noticed.
#[test]
fn memory_of_a_library_that_nobody_looked_at_is_noticed() {
    let library = Project::new("alloc_bare").built();
    let ended = run(host("marked"), "bare", library.clone());
    assert_eq!(
        ended.status.and_then(|status| status.code()),
        Some(FOREIGN),
        "{ended}"
    );
    ended.assert_says("foreign memory was freed");
    // And where the allocators are the same, it is none.
    run(host("system"), "bare", library).assert_success();
}

#[test]
fn the_same_allocator_works() {
    works("system", "system");
    // Each image has the system's, and something around it that hands the pointers through.
    works("system", "counted-system");
}

#[test]
fn a_module_that_forwards_works_with_every_host() {
    for on in ["system", "marked", "mimalloc", "override"] {
        works(on, "forward");
        works(on, "counted");
    }
}

/// `malloc` is the host's mimalloc in the whole process, the module's included.
#[test]
fn a_host_that_replaces_malloc_works_with_modules_that_use_it() {
    works("override", "system");
}

#[test]
fn other_allocators_are_refused_in_words() {
    const OWN: &str = "a `#[global_allocator]` of its own";
    const SYSTEM: &str = "the system's allocator";
    let reason = |on: &str, with: &str| {
        format!(
            "the host allocates from {on} and the module from {with}, and neither can free the \
             other's memory; put `tokio::host_allocator!();` (or `tls_keys::host_allocator!();`) \
             at the root of the module's crate{}",
            if with == OWN {
                " in place of its `#[global_allocator]`"
            } else {
                ""
            }
        )
    };
    for on in ["marked", "mimalloc"] {
        refused(on, "system", &reason(OWN, SYSTEM));
        refused(on, "counted-system", &reason(OWN, SYSTEM));
        refused(on, "marked", &reason(OWN, OWN));
        refused(on, "mimalloc", &reason(OWN, OWN));
    }
    for with in ["marked", "mimalloc"] {
        refused("system", with, &reason(SYSTEM, OWN));
    }
}

/// What the files say of it, before anything is loaded.
#[test]
fn the_manifest_tells_of_a_module_that_forwards() {
    let allocator = |path: PathBuf| {
        let bytes = fs::read(path).expect("it was built");
        let manifest = Manifest::from_object(&bytes).expect("it has a manifest");
        manifest.allocator.map(|one| (one.name, one.forwards))
    };
    assert_eq!(
        allocator(module("forward")),
        Some(("tls_keys::HostAllocator".to_owned(), true))
    );
    for other in [module("system"), module("mimalloc"), host("mimalloc")] {
        assert_eq!(allocator(other), None);
    }
}

/// A module's own tests: the program is host and module in one, and its allocator forwards to
/// itself.
#[test]
fn a_module_that_forwards_is_tested_on_its_own() {
    let building = Building::begin();
    for feature in ["forward", "counted"] {
        with("alloc_module", feature)
            .cargo(&building, &["test", "--lib"])
            .assert_success()
            .assert_says("test tests::a_program_that_is_its_own_host ... ok");
    }
}

/// What forwarding costs: prints a table. Instructions are counted where valgrind is installed.
///
/// ```text
/// cargo test -p tls-slots-tests --test allocators -- --ignored --nocapture
/// ```
#[test]
#[ignore = "a measurement"]
fn cost_of_forwarding() {
    let valgrind = Command::new("valgrind").arg("--version").output().is_ok();
    for (on, forwarding) in [
        ("system", "system"),
        ("system", "forward"),
        ("mimalloc", "forward"),
    ] {
        let host = with("alloc_host", on).release(true).built();
        let module = with("alloc_module", forwarding).release(true).built();
        let ended = run(host.clone(), "cost", module.clone());
        ended.assert_success();
        println!("host: {on}, module: {forwarding}\n{}", ended.stdout);
        if !valgrind {
            continue;
        }
        for side in ["host", "module"] {
            let count = |rounds: u64| {
                let mut command = Command::new("valgrind");
                command
                    .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
                    .arg(&host)
                    .arg("cost")
                    .arg(&module)
                    .env("COUNTED", format!("{side} {rounds}"));
                let ended = process::run(&mut command, DEADLINE);
                ended.assert_success();
                let collected = ended
                    .stderr
                    .lines()
                    .find_map(|line| line.split_once("Collected : "));
                let count = collected.and_then(|(_, count)| count.trim().parse::<u64>().ok());
                count.unwrap_or_else(|| panic!("no figure in {ended}"))
            };
            let rounds = 100_000;
            let all = count(2 * rounds) - count(rounds);
            println!(
                "64 bytes: {} instructions in the {side}",
                all as f64 / rounds as f64
            );
        }
    }
}
