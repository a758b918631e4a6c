//! Processes with a deadline, and what a test may expect of them.
//!
//! A lost wake-up shows as a process that never ends. So every process of a test is killed when its
//! time is over, and what it printed until then is part of the failure. Running it is the work of
//! [`cargo_tls_slots::process`].

use std::fmt;
use std::ops::Deref;
use std::process::Command;
use std::time::Duration;

use crate::sanitizer;

/// How a process ended, and what it printed.
#[derive(Debug)]
pub struct Ended(cargo_tls_slots::process::Ended);

impl Deref for Ended {
    type Target = cargo_tls_slots::process::Ended;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Ended {
    /// The scenario's verdict: the rest of the last line that begins with `RESULT`.
    pub fn result(&self) -> Option<&str> {
        self.stdout
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("RESULT "))
    }

    /// Fails the test, with all that the process said, unless it succeeded.
    #[track_caller]
    pub fn assert_success(&self) -> &Self {
        assert!(self.success(), "{self}");
        self
    }

    /// Fails the test unless the process ended by itself and with an error.
    #[track_caller]
    pub fn assert_failure(&self) -> &Self {
        assert!(
            self.status.is_some_and(|status| !status.success()),
            "{self}"
        );
        self
    }

    /// Fails the test unless standard output or error holds the text.
    #[track_caller]
    pub fn assert_says(&self, text: &str) -> &Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "no `{text}` in\n{self}"
        );
        self
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Runs a command to its end, or kills it at the deadline.
///
/// # Examples
///
/// ```
/// use std::process::Command;
/// use std::time::Duration;
///
/// use tls_slots_tests::process::run;
///
/// let ended = run(Command::new("rustc").arg("--version"), Duration::from_secs(60));
/// ended.assert_success().assert_says("rustc 1.");
/// ```
///
/// # Panics
///
/// If the command cannot be started.
pub fn run(command: &mut Command, deadline: Duration) -> Ended {
    if let Some(sanitizer) = sanitizer::chosen() {
        sanitizer.run(command);
    }
    match cargo_tls_slots::process::run(command, deadline) {
        Ok(ended) => Ended(ended),
        Err(error) => panic!("cannot start {command:?}: {error}"),
    }
}
