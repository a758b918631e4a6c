//! The soak: 64 modules, eight threads of the host and eight workers on one runtime, and a random
//! mix of tasks, timers, channels, wakes, blocking calls and thread-locals. Nothing may be lost:
//! each module keeps books, and the host (`fixtures/soak_host`) compares them.
//!
//! Five seconds long; `TLS_SLOTS_SOAK_SECONDS` is for more, `TLS_SLOTS_SOAK_SEED` to run one again.
//! The seed decides what is run, not how threads meet.

use std::process::Command;
use std::time::{Duration, SystemTime};

use tls_slots_tests::process;
use tls_slots_tests::project::Project;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number")),
    )
}

#[test]
fn nothing_is_lost() {
    let seconds = number("TLS_SLOTS_SOAK_SECONDS").unwrap_or(5);
    let seed = number("TLS_SLOTS_SOAK_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(1, |now| now.as_secs())
    });
    let mut host = Command::new(Project::new("soak_host").built());
    host.args([seconds.to_string(), seed.to_string()]);
    host.arg(Project::new("soak_module").built());
    let ended = process::run(&mut host, Duration::from_secs(seconds + 120));
    ended.assert_ok();
    for line in ended.stdout.lines() {
        println!("{line}");
    }
}
