//! Hot reload, `tls_slots_load::Reload`: whatever happens to the file, and to builds that are to
//! go, no call is lost.
//!
//! Every case is a process of its own, `fixtures/reload_host`, which writes the module's file
//! itself. `TLS_SLOTS_RELOAD_SECONDS` makes the run under load longer than ten seconds.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tls_slots_tests::process::{self, Ended};
use tls_slots_tests::project::Project;
use tls_slots_tests::sanitizer;

const DEADLINE: Duration = Duration::from_secs(180);

fn built() -> (PathBuf, PathBuf) {
    let built = |fixture| Project::new(fixture).built();
    (built("reload_host"), built("reload_module"))
}

#[track_caller]
fn run_for(case: &str, deadline: Duration) -> Ended {
    let (host, module) = built();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(host);
    command.arg(case).arg(module).arg(folder.path());
    command.env("RUST_BACKTRACE", "1");
    let ended = process::run(&mut command, deadline);
    ended.assert_ok();
    ended
}

#[track_caller]
fn run(case: &str) {
    run_for(case, DEADLINE);
}

#[test]
fn a_build_that_takes_the_path_takes_the_calls() {
    run("renamed");
}

#[test]
fn a_file_that_is_being_written_is_not_taken() {
    run("in-place");
}

#[test]
fn a_file_may_go_and_come_back() {
    run("deleted");
}

#[test]
fn of_many_changes_the_last_counts() {
    run("many");
}

#[test]
fn an_old_build_may_come_again() {
    run("back");
}

#[test]
fn a_link_may_lead_elsewhere() {
    run("link");
}

#[test]
fn a_build_that_does_not_fit_is_refused() {
    run("unfit");
}

#[test]
fn a_build_that_the_host_does_not_like_is_refused() {
    run("bind");
}

#[test]
fn the_first_build_must_be_there() {
    run("first");
}

#[test]
fn a_call_that_goes_on_keeps_its_build() {
    run("call");
}

#[test]
fn a_generation_that_is_held_is_not_closed() {
    run("held");
}

#[test]
fn a_host_that_panics_is_reloaded_all_the_same() {
    run("clumsy");
}

/// Before, a check that panicked ended the reloading thread, and nobody was told.
#[test]
fn a_check_that_panics_refuses_the_build() {
    run("panics-of-the-host");
}

#[test]
fn what_is_no_file_or_far_too_large_is_refused() {
    run("special");
}

#[test]
fn a_task_that_never_ends_is_aborted() {
    run("task");
}

#[test]
fn a_service_ends_with_its_generation() {
    run("service");
}

#[test]
fn panics_of_the_newest_build_have_its_names() {
    if sanitizer::chosen().is_some() {
        println!("not looked at: there are no backtraces under a sanitizer");
        return;
    }
    run("panic");
}

#[test]
fn a_reload_that_is_dropped_watches_no_more() {
    run("dropped");
}

#[test]
fn the_cost_of_finding_the_newest() {
    for line in run_for("cost", DEADLINE).stdout.lines() {
        println!("{line}");
    }
}

#[test]
fn nothing_fails_under_load() {
    let seconds = std::env::var("TLS_SLOTS_RELOAD_SECONDS").ok();
    let seconds = seconds.map_or(10, |text| text.parse().expect("a number of seconds"));
    for line in run_for("load", DEADLINE + Duration::from_secs(seconds))
        .stdout
        .lines()
    {
        println!("{line}");
    }
}

/// gdb finds the newest build's symbols under the name that the system has for its copy.
#[test]
fn a_debugger_finds_the_newest_build() {
    let gdb = Command::new("gdb").arg("--version").output();
    if !gdb.is_ok_and(|output| output.status.success()) {
        println!("not looked at: there is no gdb here");
        return;
    }
    let (host, module) = built();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut child = Command::new(host)
        .arg("debugger")
        .arg(&module)
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the host starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let line = lines
        .find_map(|line| Some(line.ok()?.strip_prefix("LOOK ")?.to_owned()))
        .expect("it says where to look");
    let (id, address) = line.split_once(' ').expect("two words");
    let looked = process::run(
        Command::new("gdb")
            .args(["--nx", "--batch", "--pid", id])
            .args([
                "-ex",
                &format!("info symbol {address}"),
                "-ex",
                &format!("x/s {address}"),
                "-ex",
                "info line reload_module_stops_here",
            ]),
        DEADLINE,
    );
    let _ = child.stdin.take().map(|mut input| input.write_all(b"\n"));
    assert!(child.wait().expect("it ends").success());
    looked.assert_says("RELOAD_NUMBER in section");
    looked.assert_says("reload-build:00000003");
    looked.assert_says("src/lib.rs");
}
