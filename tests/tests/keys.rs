//! Keys across the boundary, without tokio: what is shared, whose code runs, what is left when a
//! module goes, and modules that do not fit. Host and module are built apart; the cases are in
//! `fixtures/keys_host/src/main.rs`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use object::{Object, ObjectSymbol};
use tls_keys::names;
use tls_slots as _;
use tls_slots_tests::process::{self, Ended};
use tls_slots_tests::project::Project;

const DEADLINE: Duration = Duration::from_secs(60);

/// How a module is built.
#[derive(Clone, Copy)]
enum Build {
    Dev,
    Release,
    Wide,
}

fn host(release: bool) -> PathBuf {
    Project::new("keys_host").release(release).built()
}

fn module(build: Build) -> PathBuf {
    let module = Project::new("keys_module");
    match build {
        Build::Dev => module,
        Build::Release => module.release(true),
        Build::Wide => module.features("wide"),
    }
    .built()
}

#[track_caller]
fn run(host: PathBuf, case: &str, module: PathBuf) -> Ended {
    let ended = process::run(Command::new(host).arg(case).arg(module), DEADLINE);
    ended.assert_ok();
    ended
}

/// In both profiles.
#[track_caller]
fn case(name: &str) {
    run(host(false), name, module(Build::Dev));
    run(host(true), name, module(Build::Release));
}

#[test]
fn a_key_is_shared_both_ways() {
    case("shared_both_ways");
}

#[test]
fn the_hosts_initialiser_makes_a_shared_value() {
    case("made_by_the_host");
}

#[test]
fn a_panic_of_the_hosts_initialiser_is_one_of_the_modules() {
    case("an_initialiser_that_panics");
}

#[test]
fn an_initialiser_may_use_its_own_key() {
    case("an_initialiser_that_nests");
}

#[test]
fn the_main_threads_values_are_dropped() {
    for (release, build) in [(false, Build::Dev), (true, Build::Release)] {
        run(host(release), "main_thread", module(build)).assert_says("dropped on the main thread");
    }
}

/// What the linker really exports from a host whose `build.rs` calls `tls_slots_build::host()`.
#[test]
fn a_host_exports_all_the_names_and_no_others() {
    let table = if tls_keys::arch::INLINE {
        names::TABLE
    } else {
        names::TABLE_FUNCTION
    };
    let expected: BTreeSet<_> = names::EXPORTED.iter().copied().chain([table]).collect();
    for release in [false, true] {
        let bytes = std::fs::read(host(release)).expect("it was just built");
        let file = object::File::parse(&*bytes).expect("it runs");
        let exported: BTreeSet<_> = file
            .dynamic_symbols()
            .filter(|symbol| !symbol.is_undefined())
            .map(|symbol| symbol.name().expect("names are UTF-8"))
            .filter(|name| name.starts_with("tls_slots_"))
            .collect();
        assert_eq!(exported, expected);
    }
}

#[test]
fn a_threads_values_can_be_reset() {
    case("reset");
}

#[test]
fn modules_come_and_go_under_live_threads() {
    case("cycles");
}

#[test]
fn a_destructor_may_use_keys_while_its_module_goes() {
    case("unloading_uses_keys");
}

#[test]
fn a_threads_private_values_go_with_the_thread() {
    case("thread_ends_first");
}

#[test]
fn images_register_while_others_run() {
    for _ in 0..20 {
        case("register_while_others_run");
    }
}

#[test]
fn the_process_may_end_under_running_code() {
    for _ in 0..20 {
        for (release, build) in [(false, Build::Dev), (true, Build::Release)] {
            let ended = run(host(release), "exit_under_running_code", module(build));
            assert_eq!(ended.stderr, "", "{ended}");
        }
    }
}

/// What the loader and the three kinds of key say about a module that does not fit.
#[track_caller]
fn assert_refused(host: PathBuf, module: PathBuf, reason: &str) {
    let ended = run(host, "refused", module);
    // The reason is a table; all of it is there each time.
    let mut rest = ended.stdout.as_str();
    for start in [
        "LOAD module ",
        "USE thread-local `CELL` is not connected to a host: ",
        "USE thread-local `PLAIN` is not connected to a host: ",
        "USE static `COUNT` is not connected to a host: ",
    ] {
        let at = rest
            .find(start)
            .unwrap_or_else(|| panic!("{start}\n{ended}"));
        rest = &rest[at + start.len()..];
        let reason = rest
            .find(reason)
            .unwrap_or_else(|| panic!("{reason}\n{ended}"));
        let next = rest.find("\nUSE ").unwrap_or(rest.len());
        assert!(reason < next, "{ended}");
    }
}

#[test]
fn another_profile_is_refused() {
    assert_refused(
        host(false),
        module(Build::Release),
        "the module does not fit its host in 1 point:
  what              host  module
  debug assertions  on    off
Build both with the same profile, or set `debug-assertions` alike in both profiles",
    );
    assert_refused(
        host(true),
        module(Build::Dev),
        "\n  debug assertions  off   on\n",
    );
}

#[test]
fn a_shared_crate_with_another_feature_is_refused() {
    assert_refused(
        host(false),
        module(Build::Wide),
        "
  what                        host  module
  keys-iface: feature `wide`  off   on
Build keys-iface with its feature `wide` on both sides, or on neither.",
    );
}
