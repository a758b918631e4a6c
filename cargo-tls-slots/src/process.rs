//! Runs a program to its end, and kills it if the end does not come before a deadline.
//!
//! The problem: a lost wake-up shows as a program that never ends. Whoever runs such a program
//! must get an answer all the same, and with the answer what the program has printed until then.
//!
//! The way: the program writes into files, not into pipes. A program may leave a child behind
//! which still has the pipe open, and the reader of a pipe would wait for that child. A file is
//! read when the program itself has ended.
//!
//! The suites of [`conformance`](crate::conformance), the tests of this repository and its
//! benchmarks all run their programs by this file.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use wait_timeout::ChildExt as _;

/// How a program ended, and what it printed.
///
/// | `status` | the program |
/// | --- | --- |
/// | `Some`, with a code | ended by itself |
/// | `Some`, without a code | died by a signal |
/// | `None` | was killed at the deadline |
///
/// As text ([`Display`](fmt::Display)) it is all of that, for the message of a test that failed.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The command, as `Command`'s `Debug` shows it: program, arguments and changed variables.
    pub command: String,
    /// How the program ended; `None` if it was killed at the deadline.
    pub status: Option<ExitStatus>,
    /// What it wrote to standard output. Bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// What it wrote to standard error. Bytes that are not UTF-8 are replaced.
    pub stderr: String,
    /// How long it ran, by the clock.
    pub took: Duration,
}

impl Ended {
    /// Whether the program ended by itself, and with the exit code 0.
    pub fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// How the program ended, in words: `exit status: 101`, or `killed after 60 s`.
    pub fn how(&self) -> String {
        match self.status {
            Some(status) => status.to_string(),
            None => format!("killed after {} s", self.took.as_secs()),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ {}", self.command)?;
        writeln!(f, "{}; it ran for {:?}", self.how(), self.took)?;
        write!(f, "--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }
}

/// Runs `command` to its end, or kills it when it has run for `deadline`.
///
/// Standard input is empty. The program's output is kept in temporary files until it has ended.
///
/// # Errors
///
/// If the program cannot be started, or the temporary files cannot be used. A program that fails
/// or is killed is not an error: see [`Ended::status`].
///
/// # Examples
///
/// ```
/// use std::process::Command;
/// use std::time::Duration;
///
/// use cargo_tls_slots::process;
///
/// let ended = process::run(Command::new("rustc").arg("--version"), Duration::from_secs(60))?;
/// assert!(ended.success(), "{ended}");
/// assert!(ended.stdout.starts_with("rustc 1."));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn run(command: &mut Command, deadline: Duration) -> io::Result<Ended> {
    let folder = tempfile::tempdir()?;
    run_logged(command, deadline, &folder.path().join("log"))
}

/// As [`run`], with the output in the files `log.out` and `log.err`, which stay.
///
/// A long suite can be looked at while it runs, and each of its programs afterwards.
///
/// # Errors
///
/// Those of [`run`], and if the folder of `log` cannot be made.
pub(crate) fn run_logged(
    command: &mut Command,
    deadline: Duration,
    log: &Path,
) -> io::Result<Ended> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder)?;
    }
    let (out, err) = (log.with_extension("out"), log.with_extension("err"));
    let shown = format!("{command:?}");
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(File::create(&out)?)
        .stderr(File::create(&err)?)
        .spawn()?;
    let status = child.wait_timeout(deadline)?;
    if status.is_none() {
        // The program may have ended just now. Then `kill` fails, and `wait` reaps it all the same.
        let _ = child.kill();
        child.wait()?;
    }
    let took = started.elapsed();
    let read = |path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(Ended {
        command: shown,
        status,
        stdout: read(&out)?,
        stderr: read(&err)?,
        took,
    })
}

/// The last `lines` lines of what a program said, for a message.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_end() {
        assert_eq!(tail("a\nb\nc\n\n", 2), "b\nc");
        assert_eq!(tail("a", 5), "a");
        assert_eq!(tail("", 5), "");
    }

    #[test]
    #[cfg(unix)]
    fn a_program_that_hangs_is_killed() {
        let place = tempfile::tempdir().unwrap();
        let log = place.path().join("logs/log");
        let hung = run_logged(
            Command::new("sh").args(["-c", "echo begun; exec sleep 600"]),
            // Also on a busy machine, the shell has said its word by then.
            Duration::from_secs(3),
            &log,
        )
        .unwrap();
        assert_eq!(hung.status, None);
        assert!(!hung.success());
        assert!(hung.how().starts_with("killed after "), "{hung}");
        assert_eq!(hung.stdout, "begun\n");
        assert_eq!(
            fs::read_to_string(log.with_extension("out")).unwrap(),
            "begun\n"
        );
    }

    #[test]
    #[cfg(unix)]
    fn a_program_that_fails_is_told_apart_from_one_that_is_killed() {
        let failed = run(
            Command::new("sh").args(["-c", "echo why >&2; exit 3"]),
            Duration::from_secs(60),
        )
        .unwrap();
        assert_eq!(failed.status.and_then(|status| status.code()), Some(3));
        assert!(!failed.success());
        assert_eq!(failed.stderr, "why\n");
        assert_eq!(failed.how(), "exit status: 3");
    }
}
