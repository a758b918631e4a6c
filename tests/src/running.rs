//! Processes that a test talks with while they run: a server, a watcher.
//!
//! The problem: such a test waits for a line that the process is to print, and must fail with what
//! the process said instead if the line does not come. And the process must end with the test, also
//! when the test fails.
//!
//! The way: a thread for each stream hands its lines over, so every wait has a deadline. A dropped
//! [`Running`] kills its process. A process started here has the default signal dispositions: a
//! test that runs under `nohup`, or in the background of a shell, inherits ignored signals, and
//! would hand them on.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use wait_timeout::ChildExt as _;

/// How long a process may take for a line, or to close its streams: for one build, with everything
/// else that a machine may do meanwhile.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A process that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Running {
    /// Starts the command, without an input, and reads both of its streams.
    ///
    /// # Panics
    ///
    /// If the command cannot be started.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn(command);
        let lines = lines_of(child.stdout.take().expect("standard output is a pipe"));
        let errors = lines_of(child.stderr.take().expect("standard error is a pipe"));
        Self {
            child,
            lines,
            errors,
        }
    }

    /// Starts the command with a standard output whose reader is gone, and without a standard
    /// error.
    ///
    /// # Panics
    ///
    /// If the command cannot be started.
    #[track_caller]
    pub fn start_unread(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = spawn(command);
        drop(child.stdout.take());
        Self {
            child,
            lines: mpsc::channel().1,
            errors: mpsc::channel().1,
        }
    }

    /// The next line of standard output.
    ///
    /// # Panics
    ///
    /// If no line comes within [`PATIENCE`], with what the process wrote to standard error.
    #[track_caller]
    pub fn line(&self) -> String {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(error) => panic!("no line: {error}\n{}", self.said()),
        }
    }

    /// The next line of standard output that contains `text`. Other lines before it are dropped.
    ///
    /// # Panics
    ///
    /// If no such line comes within [`PATIENCE`].
    #[track_caller]
    pub fn line_with(&self, text: &str) -> String {
        match find(&self.lines, text) {
            Ok(line) => line,
            Err(error) => panic!("no line with {text:?}: {error}\n{}", self.said()),
        }
    }

    /// The next line of standard error that contains `text`. Other lines before it are dropped.
    ///
    /// # Panics
    ///
    /// If no such line comes within [`PATIENCE`].
    #[track_caller]
    pub fn error_with(&self, text: &str) -> String {
        match find(&self.errors, text) {
            Ok(line) => line,
            Err(error) => panic!("nobody said {text:?}: {error}"),
        }
    }

    /// Whether a line of standard output has come that nobody asked for yet.
    pub fn has_line(&self) -> bool {
        self.lines.try_recv().is_ok()
    }

    /// All that the process has written, up to now, to both streams; for the message of a failure.
    pub fn said(&self) -> String {
        let lines = self.lines.try_iter().chain(self.errors.try_iter());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Waits for the process's end.
    ///
    /// # Panics
    ///
    /// If the process does not end within `patience`.
    #[track_caller]
    pub fn finish(&mut self, patience: Duration) -> ExitStatus {
        let status = self.child.wait_timeout(patience);
        status
            .expect("a child can be waited for")
            .unwrap_or_else(|| panic!("not done after {patience:?}\n{}", self.said()))
    }

    /// Waits for the process's end; returns its status and what is left of standard output and
    /// standard error.
    ///
    /// # Panics
    ///
    /// As [`finish`](Self::finish).
    #[track_caller]
    pub fn finish_with_output(mut self, patience: Duration) -> (ExitStatus, String, String) {
        let status = self.finish(patience);
        (status, rest(&self.lines), rest(&self.errors))
    }

    /// Asks the process to end, by SIGINT or SIGTERM. This is for a process that still runs: after
    /// [`finish`](Self::finish) the process's id may be another one's.
    ///
    /// # Panics
    ///
    /// If there is no such process.
    #[cfg(unix)]
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let signal = match signal {
            Signal::Interrupt => libc::SIGINT,
            Signal::Terminate => libc::SIGTERM,
        };
        let id = i32::try_from(self.child.id()).expect("a process id is an i32");
        // SAFETY: `kill` takes two numbers, and reads and writes no memory of this process.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0, "the process is gone");
    }
}

/// A signal that asks a process to end.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, as Ctrl-C sends it.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the command without an input, and with the default signal dispositions.
#[track_caller]
fn spawn(command: &mut Command) -> Child {
    #[cfg(unix)]
    default_signals(command);
    let child = command.stdin(Stdio::null()).spawn();
    child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"))
}

/// Has a signal that asks a program to end do so, whatever this process has inherited.
#[cfg(unix)]
fn default_signals(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;

    let reset = || {
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
            // SAFETY: `signal` is called with a valid signal number and a valid disposition.
            if unsafe { libc::signal(signal, libc::SIG_DFL) } == libc::SIG_ERR {
                return Err(std::io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: `reset` runs between `fork` and `exec`, where only async-signal-safe functions may be
    // called. `signal` is one (POSIX.1-2017, 2.4.3), and an error from a number allocates nothing.
    unsafe { command.pre_exec(reset) };
}

/// Hands the lines of a stream over, until the stream ends or nobody wants them any more.
fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The next line that contains `text`, if it comes within [`PATIENCE`].
fn find(lines: &Receiver<String>, text: &str) -> Result<String, RecvTimeoutError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let line = lines.recv_timeout(deadline.saturating_duration_since(Instant::now()))?;
        if line.contains(text) {
            return Ok(line);
        }
    }
}

/// What is left of a stream that ends soon.
fn rest(lines: &Receiver<String>) -> String {
    let deadline = Instant::now() + PATIENCE;
    let mut text = String::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => text = text + &line + "\n",
            Err(RecvTimeoutError::Disconnected) => return text,
            Err(RecvTimeoutError::Timeout) => return text + "(the stream did not end)\n",
        }
    }
}
