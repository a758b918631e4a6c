//! Hosts and modules that a test writes and builds, each by a cargo of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_tls_slots::fork::{self, ForkOptions};
use tls_slots_tests::scratch;

/// Writes what differs: cargo goes by times.
pub(crate) fn write(path: &Path, text: &str) {
    if !fs::read_to_string(path).is_ok_and(|old| old == text) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Forks these crates in a folder, and returns the patch lines.
pub(crate) fn forked(folder: PathBuf, specs: &[&str]) -> String {
    let mut options = ForkOptions::new(folder);
    options.crates = specs.iter().map(|spec| spec.parse().unwrap()).collect();
    fork::fork(&options).unwrap().patch_lines()
}

/// Builds the host or module in a folder, whose name is the package's, from its code and the lines
/// of `[dependencies]`. It has something to share with: the host tls-slots, the module tls-keys.
pub(crate) fn image(
    folder: &Path,
    is_host: bool,
    code: &str,
    dependencies: &str,
    patches: &str,
) -> PathBuf {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let kind = match is_host {
        true => {
            "[build-dependencies]\ntls-slots-build = \"0.1\"\n[dependencies]\ntls-slots = \"0.1\"\n"
        }
        false => "[lib]\ncrate-type = [\"cdylib\"]\n[dependencies]\ntls-keys = \"0.1\"\n",
    };
    let cargo_toml = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n\
         [profile.dev]\ndebug = false\n{kind}{dependencies}{patches}"
    );
    write(&folder.join("Cargo.toml"), &cargo_toml);
    match is_host {
        true => {
            write(&folder.join("src/main.rs"), code);
            let script = "fn main() { tls_slots_build::host(); }\n";
            write(&folder.join("build.rs"), script);
        }
        false => write(&folder.join("src/lib.rs"), code),
    }
    // That of the fixtures, which has our own crates already.
    let target = scratch().join("target");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{says}");
    let (prefix, suffix) = match is_host {
        true => ("", std::env::consts::EXE_SUFFIX),
        false => (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX),
    };
    target.join("debug").join(format!("{prefix}{name}{suffix}"))
}
