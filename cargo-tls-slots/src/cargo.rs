//! Running cargo.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A cargo command that runs in `folder`.
///
/// cargo tells its subcommands and the programs that it runs which one to call, in `CARGO`. What
/// else it tells a *running package* (its name, its manifest) is taken away: build scripts that
/// watch these variables would otherwise run again at every change of the caller.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(program());
    command.current_dir(folder);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(describes_a_package) {
            command.env_remove(&name);
        }
    }
    command
}

fn program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn describes_a_package(name: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "DEP_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || matches!(
            name,
            "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE" | "CARGO_TARGET_TMPDIR" | "OUT_DIR"
        )
}

/// The root manifest of the workspace that `manifest`, or else `folder`, belongs to.
pub(crate) fn workspace_manifest(folder: &Path, manifest: Option<&Path>) -> Option<PathBuf> {
    let mut command = command(folder);
    command.args(["locate-project", "--workspace", "--message-format", "plain"]);
    if let Some(manifest) = manifest {
        // Relative to this process's folder, not to the command's.
        let manifest = std::path::absolute(manifest).ok()?;
        command.arg("--manifest-path").arg(manifest);
    }
    let output = command.output().ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    (output.status.success() && path.is_file()).then_some(path)
}
