//! Running cargo.
//!
//! A cargo that is started by a program which was itself started by cargo inherits what the outer one
//! says of *its* package, in the environment. This command takes that away from every cargo that it
//! runs, and [`isolate`] what the caller has set for its own builds as well.

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
    remove(&mut command, describes_a_package);
    command
}

/// The cargo to call: the one that has started this program, or else the one on the search path.
pub fn program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Has a cargo command build the same whoever calls it, as tests and measurements need.
///
/// Neither what an outer cargo tells this process nor flags, profiles and folders that are set for the
/// caller's own builds reach it; configuration files do.
///
/// # Examples
///
/// ```
/// use cargo_tls_slots::cargo;
///
/// let mut command = std::process::Command::new(cargo::program());
/// cargo::isolate(&mut command);
/// command.arg("build");
/// assert!(command.get_envs().any(|(name, value)| name == "RUSTFLAGS" && value.is_none()));
/// ```
pub fn isolate(command: &mut Command) {
    remove(command, describes_a_package);
    remove(command, |name| {
        ["CARGO_BUILD_", "CARGO_PROFILE_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    });
    for name in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "LD_LIBRARY_PATH",
        "RUST_BACKTRACE",
    ] {
        command.env_remove(name);
    }
    command.env("CARGO_TERM_COLOR", "never");
}

fn remove(command: &mut Command, which: impl Fn(&str) -> bool) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(&which) {
            command.env_remove(&name);
        }
    }
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
