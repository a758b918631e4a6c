//! Processes with a deadline, and what a test may expect of them.
//!
//! A lost wake-up shows as a process that never ends. So every process of a test is killed when its
//! time is over, and what it printed until then is part of the failure. Running it is the work of
//! [`cargo_tls_slots::process`].

use std::fmt;
use std::ops::Deref;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
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

    /// Fails the test, with all that the process said, unless it succeeded and its verdict is `ok`.
    #[track_caller]
    pub fn assert_ok(&self) -> &Self {
        self.assert_success();
        assert_eq!(self.result(), Some("ok"), "{self}");
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

/// Does something with each item, with at most `most` of them at a time, and gives the results in
/// the items' order.
///
/// This is for processes that *wait*, up to a deadline or for a timer: ten of them take as long as
/// one. Processes that compute gain nothing beyond the number of processors.
///
/// # Examples
///
/// ```
/// use tls_slots_tests::process::side_by_side;
///
/// assert_eq!(side_by_side(2, &[1, 2, 3], |number| 10 * number), [10, 20, 30]);
/// ```
///
/// # Panics
///
/// If the work panics, after all that has begun is done.
pub fn side_by_side<T: Sync, R: Send>(
    most: usize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else {
                return done;
            };
            done.push((at, work(item)));
        }
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..most.min(items.len()))
            .map(|_| scope.spawn(worker))
            .collect();
        let joined = workers.into_iter().map(thread::ScopedJoinHandle::join);
        let done = joined.map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        done.flatten().collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
