//! What a host's process says of a module.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tls_slots_tests::process::{self, Ended};

/// How long a process may take. Much less than a test's time: a module that was let in and should
/// not have been is likely to hang.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// What the host's process said: see `fixtures/compat_host`.
pub(crate) struct Told {
    pub(crate) ended: Ended,
}

impl Told {
    pub(crate) fn new(host: &Path, how: &str, module: &Path) -> Result<Self, String> {
        let unreadable = fs::symlink_metadata(module)
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o444 == 0);
        let mut command = Command::new(host);
        // Root reads everything. Another user may not reach the target folder.
        if unreadable && is_root() {
            let own = module.with_file_name("compat-host");
            // Not by this process: a child that another thread starts meanwhile would have the copy
            // open, and a program that somebody may write to cannot be started.
            let copied = Command::new("cp").arg(host).arg(&own).status();
            assert!(copied.is_ok_and(|status| status.success()), "a copy");
            command = Command::new(own);
            command.uid(65534);
        }
        // A host with AddressSanitizer: what it leaves to the system at its end is no fault.
        command.env("ASAN_OPTIONS", "detect_leaks=0");
        let ended = process::run(command.arg(how).arg(module), DEADLINE);
        match ended.success() && ended.result() == Some("ok") {
            true => Ok(Self { ended }),
            false => Err(format!("`{how}` did not end normally:\n{ended}")),
        }
    }

    /// The rest of each line that begins with the word.
    pub(crate) fn all(&self, word: &str) -> Vec<&str> {
        let of = |line| str::strip_prefix(line, word)?.strip_prefix(' ');
        self.ended.stdout.lines().filter_map(of).collect()
    }

    pub(crate) fn expect(&self, word: &str, value: &str) -> Result<(), String> {
        match self.all(word).as_slice() {
            [one] if *one == value => Ok(()),
            _ => Err(format!("not `{word} {value}`:\n{}", self.ended)),
        }
    }

    pub(crate) fn expect_text(&self, word: &str, text: &str) -> Result<(), String> {
        match self.all(word).join("\n").contains(text) {
            true => Ok(()),
            false => Err(format!("no `{text}` in `{word}`:\n{}", self.ended)),
        }
    }

    pub(crate) fn expect_works(&self) -> Result<(), String> {
        let uses = self.all("USE");
        let worked = uses.iter().filter(|line| line.contains(" worked")).count();
        match worked == 6 && uses.len() == 6 {
            true => self.expect("STATE", "8 1000"),
            false => Err(format!("not everything works:\n{}", self.ended)),
        }
    }

    /// Every use is refused, in words that have this text in them.
    pub(crate) fn expect_refused(&self, text: &str) -> Result<(), String> {
        let uses = self.all("USE");
        let refused = |line: &&&str| line.contains(" is not connected to a host: ");
        let says = |line: &&&str| line.contains(text);
        match uses.len() == 5 && uses.iter().filter(refused).filter(says).count() == 5 {
            true => self.expect("STATE", "untouched"),
            false => Err(format!(
                "not everything is refused with `{text}`:\n{}",
                self.ended
            )),
        }
    }
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self")
        .is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

/// Whether the system could not open it.
pub(crate) fn expect_not_opened(told: &Told) -> Result<(), String> {
    match told.all("OPEN").as_slice() {
        [one] if *one != "ok" => told.expect("STATE", "untouched"),
        _ => Err(format!("it was opened:\n{}", told.ended)),
    }
}
