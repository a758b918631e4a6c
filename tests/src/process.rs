//! Processes with a deadline.
//!
//! A lost wake-up shows as a process that never ends. So every process of a test is killed when
//! its time is over, and what it printed until then is part of the failure. Output goes to files:
//! a pipe would be kept open by an orphaned grandchild.

use std::fmt;
use std::io::{Read, Seek, SeekFrom};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use wait_timeout::ChildExt;

use crate::sanitizer;

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// The command, as it would be typed.
    pub command: String,
    /// Its status; `None` if it was killed at the deadline.
    pub status: Option<ExitStatus>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Ended {
    /// Whether it ended by itself and successfully.
    pub fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

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
        writeln!(f, "$ {}", self.command)?;
        match self.status {
            Some(status) => writeln!(f, "{status} after {:?}", self.took)?,
            None => writeln!(f, "killed: not done after {:?}", self.took)?,
        }
        write!(f, "--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
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
    let text = format!("{command:?}");
    let mut stdout = tempfile::tempfile().expect("a temporary file");
    let mut stderr = tempfile::tempfile().expect("a temporary file");
    let begin = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(stdout.try_clone().expect("a second handle"))
        .stderr(stderr.try_clone().expect("a second handle"))
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {text}: {error}"));
    let status = child
        .wait_timeout(deadline)
        .expect("a child can be waited for");
    if status.is_none() {
        // It may have ended just now; either way it is reaped.
        let _ = child.kill();
        let _ = child.wait();
    }
    let read = |file: &mut std::fs::File| {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))
            .expect("a file can be rewound");
        file.read_to_end(&mut bytes).expect("a file can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Ended {
        command: text,
        status,
        stdout: read(&mut stdout),
        stderr: read(&mut stderr),
        took: begin.elapsed(),
    }
}

/// Does something with each item, with at most `most` of them at a time, and gives the results in
/// the items' order.
///
/// This is for processes that *wait*, up to a deadline or for a timer: ten of them take as long as one.
/// Processes that compute gain nothing beyond the number of processors.
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
