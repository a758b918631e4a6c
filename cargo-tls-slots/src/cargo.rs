//! Runs cargo, without what an outer cargo says.
//!
//! The problem: cargo tells the programs that it runs about *their* package, in environment
//! variables such as `CARGO_PKG_NAME`. A program that was started by cargo, and starts cargo
//! itself, hands these variables on. Build scripts that watch them then run again at every change
//! of the outer caller, and some crates take the wrong package's version for their own.
//!
//! The way: every cargo that this command runs goes without these variables. [`isolate`] takes away
//! what the caller has set for its own builds, too.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A cargo command that runs in `folder`.
///
/// What an outer cargo tells a *running package* is taken away. Flags and folders that the user has
/// set for builds stay.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(program());
    command.current_dir(folder);
    remove(&mut command, describes_a_package);
    command
}

/// The cargo to call: the one that has started this program, or else the one on the search path.
///
/// A toolchain that was chosen for the outer cargo, as by `cargo +nightly`, so holds for the inner
/// one.
///
/// cargo tells its subcommands and the programs that it runs which cargo that is, in `CARGO`.
pub fn program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Has a cargo command build the same whoever calls it, as tests and measurements need.
///
/// What an outer cargo tells this process does not reach the command, nor do flags, profiles and
/// folders that are set in the environment for the caller's own builds. Configuration files do.
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

/// Takes the variables whose names fit away from a command.
fn remove(command: &mut Command, which: impl Fn(&str) -> bool) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(&which) {
            command.env_remove(&name);
        }
    }
}

/// Whether a variable is one by which cargo tells a program about its package, or a build script
/// about its dependencies: see "Environment Variables" in the Cargo book.
fn describes_a_package(name: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "DEP_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || matches!(
            name,
            "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE" | "CARGO_TARGET_TMPDIR" | "OUT_DIR"
        )
}

/// The `Cargo.toml` at the root of the workspace that `cargo_toml`, or else `folder`, belongs to.
/// `None` if no `Cargo.toml` lies in `folder` or above it.
///
/// # Errors
///
/// What cargo says if it cannot find the workspace for another reason, or why it cannot be started.
pub(crate) fn workspace_cargo_toml(
    folder: &Path,
    cargo_toml: Option<&Path>,
) -> Result<Option<PathBuf>, String> {
    let mut command = command(folder);
    command.args(["locate-project", "--workspace", "--message-format", "plain"]);
    if let Some(cargo_toml) = cargo_toml {
        // The path is relative to this process's folder, and the command runs in another one.
        let cargo_toml = std::path::absolute(cargo_toml).map_err(|error| error.to_string())?;
        command.arg("--manifest-path").arg(cargo_toml);
    }
    let output = command
        .output()
        .map_err(|error| format!("cannot start cargo; is it in PATH? ({error})"))?;
    if output.status.success() {
        let path = String::from_utf8(output.stdout).map_err(|error| error.to_string())?;
        return Ok(Some(PathBuf::from(path.trim_end_matches(['\r', '\n']))));
    }
    let says = String::from_utf8_lossy(&output.stderr);
    match says.contains("could not find `Cargo.toml` in") {
        true => Ok(None),
        false => Err(says.trim_end().to_owned()),
    }
}
