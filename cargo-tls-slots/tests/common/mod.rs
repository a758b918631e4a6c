//! What the tests of the command's output share.

use std::path::Path;
use std::time::Duration;

use snapbox::Redactions;
use snapbox::cmd::Command;

/// The command, in `folder`, as `cargo tls-slots` runs it.
pub(crate) fn command(folder: &Path) -> Command {
    let mut redactions = Redactions::new();
    let whole = folder.canonicalize().unwrap();
    redactions.insert("[FOLDER]", whole).unwrap();
    Command::new(snapbox::cmd::cargo_bin!("cargo-tls-slots"))
        .with_assert(
            snapbox::Assert::new()
                .action_env("SNAPSHOTS")
                .redact_with(redactions),
        )
        .arg("tls-slots")
        .current_dir(folder)
        .env("COLUMNS", "100")
        // A pipe that nobody writes to must not keep it.
        .timeout(Duration::from_secs(120))
}
