//! Running a program to its end, which must come before a deadline.
//!
//! What it prints goes to a file, not to a pipe: a test that leaves a child behind would otherwise
//! hold the pipe open, and whoever reads it would wait for that child.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a running program is asked whether it has ended.
const POLL: Duration = Duration::from_millis(5);

/// How a program ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// Its exit was 0. `None`: it was killed at the deadline.
    pub(crate) success: Option<bool>,
    /// Its exit code; none if it was killed, or died by a signal.
    pub(crate) code: Option<i32>,
    /// In words: `exit status: 101`.
    pub(crate) status: String,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
    /// How long it ran.
    pub(crate) time: Duration,
}

/// Runs `command`, with what it prints in `log` (`.out` and `.err` are appended to the name).
pub(crate) fn run(command: &mut Command, deadline: Duration, log: &Path) -> io::Result<Ended> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder)?;
    }
    let (out, err) = (log.with_extension("out"), log.with_extension("err"));
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(File::create(&out)?)
        .stderr(File::create(&err)?)
        .spawn()?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if started.elapsed() > deadline {
            child.kill()?;
            child.wait()?;
            break None;
        }
        thread::sleep(POLL);
    };
    let time = started.elapsed();
    let read = |path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(Ended {
        success: status.map(|status| status.success()),
        code: status.and_then(|status| status.code()),
        status: match status {
            Some(status) => status.to_string(),
            None => format!("killed after {} s", deadline.as_secs()),
        },
        stdout: read(&out)?,
        stderr: read(&err)?,
        time,
    })
}

/// The last lines of what a program said, for a message.
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
        let log = place.path().join("log");
        let hung = run(
            Command::new("sh").args(["-c", "echo begun; exec sleep 600"]),
            Duration::from_millis(300),
            &log,
        )
        .unwrap();
        assert_eq!(hung.success, None);
        assert_eq!(hung.stdout, "begun\n");
        let failed = run(
            Command::new("sh").args(["-c", "echo why >&2; exit 3"]),
            Duration::from_secs(60),
            &log,
        )
        .unwrap();
        assert_eq!((failed.success, failed.code), (Some(false), Some(3)));
        assert_eq!(failed.stderr, "why\n");
    }
}
