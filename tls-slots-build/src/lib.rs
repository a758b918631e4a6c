//! Linker arguments for build scripts: [`host`] for a host, [`module`] for a module.
//!
//! The problem: an executable exports nothing, so a module that needs a symbol of its host cannot
//! be opened. And each linker has its own words for exporting. This crate knows the words, prints
//! `cargo:rustc-link-arg` lines, and does nothing else.
//!
//! | linker | a host's argument for each symbol |
//! | --- | --- |
//! | ELF: GNU ld ≥ 2.35, lld, mold, gold | `--export-dynamic-symbol=tls_slots_…` |
//! | macOS, iOS: ld64, lld (**not run here**) | `-exported_symbol _tls_slots_…` |
//! | Windows, MSVC (**not run here**) | `/EXPORT:tls_slots_…` |
//! | Windows, GNU (**not run here**) | `--export-all-symbols`, once |
//!
//! Each symbol has an argument of its own, as gold knows no patterns. A module needs an argument on
//! macOS and iOS only: `-U _tls_slots_…` for each symbol. On ELF, undefined symbols are allowed by
//! default. On Windows, a module looks the symbols up at run time.
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

#![allow(clippy::needless_doctest_main)] // the example shows a whole build.rs

mod exported;

use std::env;

use exported::{FUNCTIONS, TABLE, TABLE_FUNCTION};

/// The target that cargo builds for. Tells apart only what is different for linkers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Elf {
        /// Whether the table is a symbol, see `src/shared/arch/mod.rs` of `tls-keys`.
        inline: bool,
    },
    MachO,
    Msvc,
    Mingw,
    /// A target without dynamic loading, or an unknown one.
    Other,
}

impl Target {
    /// The target, from the variables that cargo sets for build scripts.
    fn from_cargo(variable: impl Fn(&str) -> Option<String>) -> Self {
        let family = variable("CARGO_CFG_TARGET_FAMILY").unwrap_or_default();
        let vendor = variable("CARGO_CFG_TARGET_VENDOR").unwrap_or_default();
        let env = variable("CARGO_CFG_TARGET_ENV").unwrap_or_default();
        let arch = variable("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
        let width = variable("CARGO_CFG_TARGET_POINTER_WIDTH").unwrap_or_default();
        match (family.as_str(), vendor.as_str(), env.as_str()) {
            ("unix", "apple", _) => Self::MachO,
            ("unix", _, _) => Self::Elf {
                inline: matches!(arch.as_str(), "x86_64" | "aarch64") && width == "64",
            },
            ("windows", _, "msvc") => Self::Msvc,
            ("windows", _, _) => Self::Mingw,
            _ => Self::Other,
        }
    }

    /// The symbols that a host exports.
    fn symbols(self) -> impl Iterator<Item = &'static str> {
        let table = match self {
            Self::Elf { inline: true } => TABLE,
            _ => TABLE_FUNCTION,
        };
        FUNCTIONS.into_iter().chain([table])
    }

    /// Arguments for the linker of a host.
    fn host_args(self) -> Vec<String> {
        match self {
            Self::Elf { .. } => self
                .symbols()
                .map(|symbol| format!("-Wl,--export-dynamic-symbol={symbol}"))
                .collect(),
            Self::MachO => self
                .symbols()
                .map(|symbol| format!("-Wl,-exported_symbol,_{symbol}"))
                .collect(),
            Self::Msvc => self
                .symbols()
                .map(|symbol| format!("/EXPORT:{symbol}"))
                .collect(),
            Self::Mingw => vec!["-Wl,--export-all-symbols".to_owned()],
            Self::Other => Vec::new(),
        }
    }

    /// Arguments for the linker of a module.
    fn module_args(self) -> Vec<String> {
        match self {
            Self::MachO => self
                .symbols()
                .map(|symbol| format!("-Wl,-U,_{symbol}"))
                .collect(),
            Self::Elf { .. } | Self::Msvc | Self::Mingw | Self::Other => Vec::new(),
        }
    }
}

/// Tells cargo the arguments. By one colon: cargo takes no two from a package whose `rust-version`
/// is below 1.77.
fn print(args: &[String]) {
    println!("cargo:rerun-if-changed=build.rs");
    for arg in args {
        println!("cargo:rustc-link-arg={arg}");
    }
}

/// Exports the host's symbols from every executable of the package: binaries, examples, tests and
/// benches.
///
/// Call it in the `build.rs` of each package whose executables load modules. It has an effect in
/// that package only: cargo does not pass linker arguments on to dependents.
pub fn host() {
    print(&Target::from_cargo(|name| env::var(name).ok()).host_args());
}

/// Lets a module leave the host's symbols undefined.
///
/// Only macOS needs it. On every other system a call does no harm.
pub fn module() {
    print(&Target::from_cargo(|name| env::var(name).ok()).module_args());
}

#[cfg(test)]
mod tests {
    use super::{FUNCTIONS, Target};

    fn target(family: &str, vendor: &str, env: &str, arch: &str, width: &str) -> Target {
        Target::from_cargo(|name| {
            Some(
                match name {
                    "CARGO_CFG_TARGET_FAMILY" => family,
                    "CARGO_CFG_TARGET_VENDOR" => vendor,
                    "CARGO_CFG_TARGET_ENV" => env,
                    "CARGO_CFG_TARGET_ARCH" => arch,
                    "CARGO_CFG_TARGET_POINTER_WIDTH" => width,
                    _ => return None,
                }
                .to_owned(),
            )
        })
    }

    #[test]
    fn targets_are_told_apart() {
        let elf = |inline| Target::Elf { inline };
        assert_eq!(target("unix", "unknown", "gnu", "x86_64", "64"), elf(true));
        assert_eq!(
            target("unix", "unknown", "musl", "aarch64", "64"),
            elf(true)
        );
        assert_eq!(target("unix", "unknown", "gnu", "x86_64", "32"), elf(false));
        assert_eq!(
            target("unix", "unknown", "gnu", "riscv64", "64"),
            elf(false)
        );
        assert_eq!(target("unix", "apple", "", "aarch64", "64"), Target::MachO);
        assert_eq!(
            target("windows", "pc", "msvc", "x86_64", "64"),
            Target::Msvc
        );
        assert_eq!(
            target("windows", "pc", "gnu", "x86_64", "64"),
            Target::Mingw
        );
        assert_eq!(target("wasm", "unknown", "", "wasm32", "32"), Target::Other);
        assert_eq!(Target::from_cargo(|_| None), Target::Other);
    }

    #[test]
    fn each_target_has_its_own_words() {
        let elf = Target::Elf { inline: true };
        assert_eq!(elf.host_args().len(), FUNCTIONS.len() + 1);
        assert!(
            elf.host_args()
                .contains(&"-Wl,--export-dynamic-symbol=tls_slots_table_v1".to_owned())
        );
        assert!(elf.module_args().is_empty());
        let call = Target::Elf { inline: false }.host_args();
        assert!(call.contains(&"-Wl,--export-dynamic-symbol=tls_slots_value_v1".to_owned()));
        assert_eq!(
            Target::MachO.module_args()[0],
            "-Wl,-U,_tls_slots_register_v1"
        );
        assert_eq!(Target::Msvc.host_args()[0], "/EXPORT:tls_slots_register_v1");
    }
}
