//! Linker arguments for build scripts: [`host`] for the program, [`module`] for what it loads.
//!
//! The problem: an executable exports nothing, so a module that needs a symbol of its host cannot be
//! opened; and each linker has its own words for exporting. This crate knows the words, prints
//! `cargo::rustc-link-arg` lines, and does nothing else.
//!
//! | | host | module |
//! | --- | --- | --- |
//! | ELF: GNU ld ≥ 2.35, gold, lld, mold | `--export-dynamic-symbol=tls_slots_*` | nothing: undefined symbols are the default |
//! | macOS, iOS: ld64, lld (**not run here**) | `-exported_symbol _tls_slots_*` | `-U _tls_slots_…` for each symbol |
//! | Windows, MSVC (**not run here**) | `/EXPORT:tls_slots_…` for each symbol | nothing: looked up at run time |
//! | Windows, GNU (**not run here**) | `--export-all-symbols` | nothing: looked up at run time |
//!
//! # Examples
//!
//! The whole `build.rs` of a host:
//!
//! ```
//! fn main() {
//!     tls_slots_build::host();
//! }
//! ```

#![allow(clippy::needless_doctest_main)] // a whole build.rs is what the example shows

use std::env;

/// The functions that a host exports, as `tls_keys::names` lists them. ELF, which has patterns, exports
/// the table (`tls_slots_table_v1`) by the same pattern.
const FUNCTIONS: [&str; 6] = [
    "tls_slots_register_v1",
    "tls_slots_unregister_v1",
    "tls_slots_get_v1",
    "tls_slots_reserve_v1",
    "tls_slots_explain_v1",
    "tls_slots_value_v1",
];

/// The target that cargo builds for, as far as linkers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Elf,
    MachO,
    Msvc,
    Mingw,
    /// No dynamic loading, or unknown.
    Other,
}

impl Target {
    /// From the variables that cargo sets for build scripts.
    fn from_cargo(variable: impl Fn(&str) -> Option<String>) -> Self {
        let family = variable("CARGO_CFG_TARGET_FAMILY").unwrap_or_default();
        let vendor = variable("CARGO_CFG_TARGET_VENDOR").unwrap_or_default();
        let env = variable("CARGO_CFG_TARGET_ENV").unwrap_or_default();
        match (family.as_str(), vendor.as_str(), env.as_str()) {
            ("unix", "apple", _) => Self::MachO,
            ("unix", _, _) => Self::Elf,
            ("windows", _, "msvc") => Self::Msvc,
            ("windows", _, _) => Self::Mingw,
            _ => Self::Other,
        }
    }

    fn host_args(self) -> Vec<String> {
        match self {
            Self::Elf => vec!["-Wl,--export-dynamic-symbol=tls_slots_*".to_owned()],
            Self::MachO => vec!["-Wl,-exported_symbol,_tls_slots_*".to_owned()],
            Self::Msvc => FUNCTIONS
                .iter()
                .map(|function| format!("/EXPORT:{function}"))
                .collect(),
            Self::Mingw => vec!["-Wl,--export-all-symbols".to_owned()],
            Self::Other => Vec::new(),
        }
    }

    fn module_args(self) -> Vec<String> {
        match self {
            Self::MachO => FUNCTIONS
                .iter()
                .map(|function| format!("-Wl,-U,_{function}"))
                .collect(),
            Self::Elf | Self::Msvc | Self::Mingw | Self::Other => Vec::new(),
        }
    }
}

fn print(args: &[String]) {
    println!("cargo::rerun-if-changed=build.rs");
    for arg in args {
        println!("cargo::rustc-link-arg={arg}");
    }
}

/// Exports the host's symbols from every executable of the package: binaries, examples, tests and
/// benches.
///
/// Call it in the `build.rs` of each package whose executables load modules. It takes effect in this
/// package only: cargo does not pass linker arguments on to dependents.
pub fn host() {
    print(&Target::from_cargo(|name| env::var(name).ok()).host_args());
}

/// Lets a module leave the host's symbols undefined.
///
/// Only macOS needs it. A `build.rs` that calls it anyway is right on every system.
pub fn module() {
    print(&Target::from_cargo(|name| env::var(name).ok()).module_args());
}

#[cfg(test)]
mod tests {
    use super::Target;

    fn target(family: &str, vendor: &str, env: &str) -> Target {
        Target::from_cargo(|name| {
            Some(
                match name {
                    "CARGO_CFG_TARGET_FAMILY" => family,
                    "CARGO_CFG_TARGET_VENDOR" => vendor,
                    "CARGO_CFG_TARGET_ENV" => env,
                    _ => return None,
                }
                .to_owned(),
            )
        })
    }

    #[test]
    fn targets_are_told_apart() {
        assert_eq!(target("unix", "unknown", "gnu"), Target::Elf);
        assert_eq!(target("unix", "unknown", "musl"), Target::Elf);
        assert_eq!(target("unix", "apple", ""), Target::MachO);
        assert_eq!(target("windows", "pc", "msvc"), Target::Msvc);
        assert_eq!(target("windows", "pc", "gnu"), Target::Mingw);
        assert_eq!(target("wasm", "unknown", ""), Target::Other);
        assert_eq!(Target::from_cargo(|_| None), Target::Other);
    }

    #[test]
    fn each_target_has_its_own_words() {
        assert_eq!(
            Target::Elf.host_args(),
            ["-Wl,--export-dynamic-symbol=tls_slots_*"]
        );
        assert!(Target::Elf.module_args().is_empty());
        assert_eq!(
            Target::MachO.module_args()[0],
            "-Wl,-U,_tls_slots_register_v1"
        );
        assert_eq!(Target::Msvc.host_args()[0], "/EXPORT:tls_slots_register_v1");
    }
}
