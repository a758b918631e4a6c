//! `cargo tls-slots audit`.
//!
//! Without `--deny` the command answers a person, and succeeds whatever it finds. With `--deny` it
//! answers CI. `--deny` takes its value after `=`, as a file's name may come next.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::shared::{Done, Format};
use crate::audit::{self, Audit, Both, Verdict};

/// Say what state a host or module has, and what of it is not shared
///
/// Reads the symbols of built files: every thread-local and every static in writable memory, by
/// crate. A key is shared where the host has the same key. Everything else each image has for
/// itself, and what is known of that is said: that a copy is right, or that it breaks, and what
/// shares it.
///
/// With a host and modules, the answer is about what both sides have: no module can disagree with
/// what only the host has. A crate has one line, the worst first.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  it was read, and nothing is denied
  1  something is denied; with a host and modules, something that both sides have
  2  the file cannot be read, is no host or module, or has no symbols

Examples:
  cargo tls-slots audit host/target/release/host module/target/release/libmodule.so
      for a person: what both have and do not share
  cargo tls-slots audit --all module/target/release/libmodule.so
      every thread-local and static of one file
  cargo tls-slots audit --deny host/target/release/host module/target/release/libmodule.so
      for CI: fails if anything is not shared that is known to break")]
pub(super) struct AuditArgs {
    /// The hosts and modules
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// List what is right as well, and every thread-local and static
    #[arg(long)]
    all: bool,

    /// How the result is written
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,

    /// Fail if there is state that is known to break, or that nobody has looked at
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true,
          default_missing_value = "breaks")]
    deny: Option<Deny>,
}

/// What an audit does not let pass.
#[derive(Clone, Copy, ValueEnum)]
enum Deny {
    /// What is known to break
    Breaks,
    /// That, and what nobody has looked at
    Unknown,
}

impl AuditArgs {
    /// Audits the files, prints the results, and fails if anything is denied.
    pub(super) fn run(self) -> Done {
        let audits = self.files.iter().map(|file| audit::audit(file));
        let audits = audits.collect::<Result<Vec<_>, _>>()?;
        let both = Both::of(&audits);
        self.format.print(
            || match (&both, self.all) {
                (Some(both), false) => both.render(),
                (Some(both), true) => both.render_all(),
                (None, false) => joined(&audits, Audit::render),
                (None, true) => joined(&audits, Audit::render_all),
            },
            || json(&audits, both.as_ref()),
        )?;
        let denied = match self.deny {
            None => return Ok(ExitCode::SUCCESS),
            Some(Deny::Breaks) => Verdict::Breaks,
            Some(Deny::Unknown) => Verdict::Unknown,
        };
        let has = match &both {
            Some(both) => both.has(denied),
            None => audits.iter().any(|one| one.has(denied)),
        };
        Ok(match has {
            true => ExitCode::FAILURE,
            false => ExitCode::SUCCESS,
        })
    }
}

/// The texts of all files, with an empty line between them.
fn joined(audits: &[Audit], render: fn(&Audit) -> String) -> String {
    let texts: Vec<String> = audits.iter().map(render).collect();
    texts.join("\n")
}

/// One object for each file. That of a host among its modules has a member for all of them.
fn json(audits: &[Audit], both: Option<&Both>) -> Value {
    let objects = audits.iter().map(|one| {
        let mut object = one.json();
        if let (true, Some(both)) = (one.is_host, both) {
            object["both"] = both.json();
        }
        object
    });
    objects.collect()
}
