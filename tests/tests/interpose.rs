//! What a module's std leaves with libc, and what becomes of it when the module goes: the table of
//! `tls-slots-load/src/alive/libc/mod.rs`, line by line. Host and module are built apart; the cases
//! are in `fixtures/interpose_host/src/main.rs`.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use object::{Object, ObjectSection, ObjectSymbol};
use tls_slots_tests::process::{self, Ended, side_by_side};
use tls_slots_tests::project::Project;
use tls_slots_tests::sanitizer;

const DEADLINE: Duration = Duration::from_secs(60);

/// What the module exports that is called once per case.
const FUNCTIONS: [&str; 10] = [
    "nothing",
    "prints",
    "current",
    "thread_locals",
    "nested",
    "private",
    "spawn",
    "scope",
    "receive",
    "everything",
];

/// The host and the module.
fn built(release: bool) -> (PathBuf, PathBuf) {
    let built = |fixture| Project::new(fixture).release(release).built();
    (built("interpose_host"), built("interpose_module"))
}

fn run(host: &Path, module: &Path, case: &str, function: Option<&str>) -> Ended {
    let mut command = Command::new(host);
    command.arg(case).arg(module).args(function);
    process::run(&mut command, DEADLINE)
}

#[track_caller]
fn assert_case(release: bool, case: &str, function: Option<&str>) {
    let (host, module) = built(release);
    run(&host, &module, case, function).assert_ok();
}

/// How many processes at a time: most of them wait for their threads.
const AT_A_TIME: usize = 4;

/// A case for each function.
#[track_caller]
fn assert_table(case: &str) {
    let profiles = [false, true].into_iter();
    let all = profiles.flat_map(|release| FUNCTIONS.map(|function| (release, function)));
    let all: Vec<_> = all.collect();
    side_by_side(AT_A_TIME, &all, |(release, function)| {
        // The buffer is leaked when the module goes.
        if *function == "prints" && sanitizer::chosen().is_some() {
            return;
        }
        assert_case(*release, case, Some(function));
    });
}

#[test]
fn destructors_run_on_their_thread_before_the_module_goes() {
    assert_table("taken_back");
}

#[test]
fn a_module_goes_while_a_thread_has_its_destructors() {
    if sanitizer::chosen().is_some() {
        println!("what the values own is leaked, and that is what a sanitizer would find");
        return;
    }
    assert_table("closed");
}

#[test]
fn the_thread_that_closes_a_module_runs_its_destructors() {
    assert_table("closed_here");
}

#[test]
fn a_thread_that_ends_runs_them_as_ever() {
    assert_table("thread_ends_first");
}

#[test]
fn pthread_keys_do_not_run_out() {
    for function in ["current", "everything"] {
        assert_case(false, "reloads", Some(function));
        assert_case(true, "reloads", Some(function));
    }
}

/// The controls: a module that finds libc's own functions.
#[test]
fn without_interposition() {
    if sanitizer::chosen().is_some() {
        println!("no sanitizer's runtime stands `RTLD_DEEPBIND`");
        return;
    }
    let (host, module) = built(true);
    for function in ["thread_locals", "spawn", "receive"] {
        let ended = run(&host, &module, "deep", Some(function));
        ended.assert_success().assert_says("mapped: true");
    }
    let ended = run(&host, &module, "deep", Some("current"));
    ended.assert_failure().assert_says("mapped: false");
    assert!(!ended.stdout.contains("the thread has ended"), "{ended}");
    let ended = run(&host, &module, "deep", Some("nothing"));
    ended
        .assert_success()
        .assert_says("mapped: false")
        .assert_says("the thread has ended");
}

#[test]
fn threads_of_a_module_count_while_they_run() {
    for release in [false, true] {
        for _ in 0..20 {
            assert_case(release, "running", None);
        }
    }
}

#[test]
fn a_thread_that_exits_by_itself_does_not_count() {
    assert_case(false, "raw_exit", None);
    assert_case(true, "raw_exit", None);
}

#[test]
fn more_keys_than_can_be_taken_over() {
    assert_case(false, "raw_keys", None);
    assert_case(true, "raw_keys", None);
}

#[test]
fn signal_actions_are_found() {
    assert_case(false, "signals", None);
    assert_case(true, "signals", None);
}

#[test]
fn host_and_module_end_in_one_order() {
    assert_case(false, "order", None);
    assert_case(true, "order", None);
}

#[test]
fn modules_come_and_go_while_threads_do() {
    assert_case(false, "storm", None);
    for _ in 0..5 {
        assert_case(true, "storm", None);
    }
}

#[test]
fn exit_in_a_destructor() {
    for release in [false, true] {
        let (host, module) = built(release);
        let ended = run(&host, &module, "exits", None);
        ended.assert_success().assert_says("said [2, 1]");
    }
}

/// Both stds have an unfinished line when the process ends, whichever image ends it.
#[test]
fn unfinished_lines_are_written_at_exit() {
    for release in [false, true] {
        let (host, module) = built(release);
        for how in ["by_the_host", "by_the_module"] {
            let ended = run(&host, &module, "unfinished", Some(how));
            ended
                .assert_success()
                .assert_says("of the module;")
                .assert_says("of the host;");
        }
        // The lock of the host's output is not to be had. The module's line is written all the
        // same, and the process ends.
        let ended = run(&host, &module, "unfinished", Some("locked"));
        ended.assert_success().assert_says("of the module;");
    }
}

/// Without the functions of `environment.rs`, this ends by a signal.
#[test]
fn a_module_reads_the_environment_that_the_host_changes() {
    assert_case(false, "environment", None);
    assert_case(true, "environment", None);
}

/// What a cycle of loading, using and closing leaves allocated, in bytes.
#[test]
fn nothing_is_leaked() {
    if sanitizer::chosen().is_some() {
        println!("not by glibc's account of a sanitizer's allocator");
        return;
    }
    for release in [false, true] {
        let (host, module) = built(release);
        for (function, most) in [
            ("nothing", 16.0),
            ("current", 16.0),
            ("thread_locals", 16.0),
            ("private", 16.0),
            ("spawn", 16.0),
            ("receive", 16.0),
            // The buffer of the module's standard output, which std does not give back.
            ("prints", 16.0 + 1024.0 + 16.0),
        ] {
            let ended = run(&host, &module, "leaks", Some(function));
            ended.assert_success();
            let mut lines = ended.stdout.lines();
            let leaked = lines.find_map(|line| line.strip_prefix("LEAKS "));
            let leaked: f64 = leaked.expect("it says so").parse().expect("a number");
            println!("{function}: {leaked}");
            assert!(leaked < most, "{function} leaks {leaked} bytes per cycle");
        }
    }
}

/// A file that the system never unmaps: that is known before it is tried.
#[test]
fn a_file_that_stays_mapped_is_named() {
    let (host, module) = built(true);
    let says = |module: &Path, reason: &str| {
        let ended = run(&host, module, "pinned", None);
        ended
            .assert_success()
            .assert_says(reason)
            .assert_says("MAPPED true");
        assert!(!ended.stdout.contains("UNLOADED"), "{ended}");
    };
    let ended = run(&host, &module, "pinned", None);
    ended
        .assert_success()
        .assert_says("USAGE nothing")
        .assert_says("UNLOADED")
        .assert_says("MAPPED false");

    let nodelete = Project::new("interpose_module")
        .release(true)
        .rustc("-Clink-arg=-Wl,-z,nodelete")
        .built();
    says(&nodelete, "(link it without `-z nodelete`)");

    // What C++ would bring, put on a symbol that the case looks up.
    let mut bytes = std::fs::read(&module).expect("a module");
    let at = {
        let file = object::File::parse(&*bytes).expect("a module");
        let symbols = file.section_by_name(".dynsym").expect("it has symbols");
        let (symbols, _) = symbols.file_range().expect("they are in the file");
        let mut exports = file.dynamic_symbols();
        let symbol = exports.find(|symbol| symbol.name() == Ok("nothing"));
        // `Elf64_Sym` has 24 bytes, of which the fifth is binding and type.
        symbols as usize + 24 * symbol.expect("it exports that").index().0 + 4
    };
    const UNIQUE: u8 = 10;
    bytes[at] = UNIQUE << 4 | bytes[at] & 15;
    let unique = module.with_file_name("unique.so");
    std::fs::write(&unique, bytes).expect("a folder of ours");
    says(&unique, "the symbol `nothing`");
}

/// The linker exports the host's functions under libc's names, whichever it is, and whatever is
/// stripped.
#[test]
fn linkers() {
    if sanitizer::chosen().is_some() {
        println!("tried without");
        return;
    }
    let (_, module) = built(true);
    let host = || Project::new("interpose_host").release(true);
    let mut hosts = Vec::new();
    for (linker, program) in [("bfd", "ld.bfd"), ("gold", "ld.gold"), ("mold", "mold")] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .any(|folder| folder.join(program).is_file());
        if !found {
            println!("{linker} is not on this machine: not tried");
            continue;
        }
        let argument = format!("-Clink-arg=-fuse-ld={linker}");
        hosts.push(host().rustc(&argument).built());
    }
    let fat = || {
        host()
            .env("CARGO_PROFILE_RELEASE_LTO", "fat")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
            .env("CARGO_PROFILE_RELEASE_STRIP", "true")
    };
    hosts.push(fat().built());
    hosts.push(fat().rustc("-Clink-arg=-fuse-ld=bfd").built());
    for host in hosts {
        println!("{}", host.display());
        for (case, function) in [
            ("taken_back", Some("everything")),
            ("taken_back", Some("spawn")),
            ("raw_keys", None),
            ("running", None),
        ] {
            run(&host, &module, case, function).assert_ok();
        }
    }
}
