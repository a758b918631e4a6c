//! Panics that cross between a host and its modules end no process. The cases are in
//! `fixtures/panics_host`; each runs in a process of its own, which has to end normally.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use tls_slots_tests::process::{self, Ended, side_by_side};
use tls_slots_tests::project::Project;

/// The cases whose output is looked at here.
const LOOKED_AT: [&str; 2] = ["hook_by_default", "backtrace_of_the_host"];

struct Built {
    host: PathBuf,
    modules: [PathBuf; 2],
}

impl Built {
    fn new(release: bool) -> Self {
        let built = |fixture| Project::new(fixture).release(release).built();
        let (host, module) = (built("panics_host"), built("panics_module"));
        // Another file is another module, with a copy of everything.
        let second = module.with_file_name("libpanics_second.so");
        std::fs::copy(&module, &second).expect("the target folder is ours");
        Self {
            host,
            modules: [module, second],
        }
    }

    fn run(&self, case: &str, env: &[(&str, &str)]) -> Ended {
        let mut command = Command::new(&self.host);
        command
            .arg(case)
            .args(&self.modules)
            .env_remove("RUST_BACKTRACE")
            .envs(env.iter().copied());
        process::run(&mut command, Duration::from_secs(60))
    }

    #[track_caller]
    fn ok(&self, case: &str, env: &[(&str, &str)]) -> Ended {
        let ended = self.run(case, env);
        ended.assert_ok();
        ended
    }

    fn all(&self) {
        let list = process::run(
            Command::new(&self.host).arg("list"),
            Duration::from_secs(60),
        );
        list.assert_success();
        let cases: Vec<_> = list.stdout.lines().collect();
        assert!(cases.len() > 20);
        // Some wait for a thread.
        side_by_side(2, &cases, |case| {
            if !LOOKED_AT.contains(case) {
                self.ok(case, &[]);
            }
        });
    }

    fn what_is_printed(&self) {
        let ended = self.ok("hook_by_default", &[]);
        let module = self.modules[0].to_str().expect("a plain path");
        for thread in ["main", "of-a-module", "of-the-host-with-a-long-name"] {
            let first = format!("thread '{thread}' panicked at src/lib.rs:");
            let line = ended.stderr.lines().find(|line| line.starts_with(&first));
            let line = line.unwrap_or_else(|| panic!("no `{first}` in {ended}"));
            assert!(line.ends_with(&format!(", in module {module}:")), "{ended}");
        }
        ended.assert_says("\na private initialiser\nnote: run with `RUST_BACKTRACE=1`");
        ended.assert_says("\na plain function\n");

        let ended = self.ok("hook_by_default", &[("RUST_BACKTRACE", "1")]);
        ended.assert_says("stack backtrace:\n");
        ended.assert_says("panics_module::reads_private");
    }
}

/// A limit of std's, which the documentation names: it looks at what is loaded once.
#[test]
fn a_host_that_has_taken_a_backtrace_does_not_know_later_modules() {
    let ended = DEV.ok("backtrace_of_the_host", &[]);
    ended.assert_says("module's functions known: false");
}

static DEV: LazyLock<Built> = LazyLock::new(|| Built::new(false));
static RELEASE: LazyLock<Built> = LazyLock::new(|| Built::new(true));

#[test]
fn no_panic_ends_the_process() {
    DEV.all();
}

#[test]
fn no_panic_ends_the_process_in_release() {
    RELEASE.all();
}

#[test]
fn the_default_hook_names_thread_place_and_module() {
    DEV.what_is_printed();
    RELEASE.what_is_printed();
}
