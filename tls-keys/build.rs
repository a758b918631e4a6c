//! Tells the crate which compiler builds it, for which target, for which object format, and whether
//! accesses are inline there.
//!
//! Values cross from one image to another with Rust's own layout, which only one and the same
//! compiler promises. What this script leaves in `TLS_KEYS_…` becomes a part of the image's
//! manifest, and an image that another compiler built is refused.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC");
    let (version, commit) = compiler();
    let target = env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=TLS_KEYS_RUSTC={version}");
    println!("cargo::rustc-env=TLS_KEYS_COMMIT={commit}");
    println!("cargo::rustc-env=TLS_KEYS_TARGET={target}");

    let formats = ["tls_keys_elf", "tls_keys_macho", "tls_keys_pe"];
    for name in formats.iter().chain(&["tls_keys_inline"]) {
        println!("cargo::rustc-check-cfg=cfg({name})");
    }
    let vendor = env::var("CARGO_CFG_TARGET_VENDOR").unwrap_or_default();
    let family = env::var("CARGO_CFG_TARGET_FAMILY").unwrap_or_default();
    let format = match (vendor.as_str(), family.as_str()) {
        ("apple", _) => "tls_keys_macho",
        (_, "windows") => "tls_keys_pe",
        (_, "unix") => "tls_keys_elf",
        // `src/shared/object/mod.rs` explains what is missing, by a compile error.
        _ => return,
    };
    println!("cargo::rustc-cfg={format}");

    // `src/shared/arch/mod.rs` explains this; `tls-slots` defines a table for the same targets.
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let width = env::var("CARGO_CFG_TARGET_POINTER_WIDTH").unwrap_or_default();
    let known = ["x86_64", "aarch64"].contains(&architecture.as_str());
    if format == "tls_keys_elf" && known && width == "64" {
        println!("cargo::rustc-cfg=tls_keys_inline");
    }
}

/// The compiler's version, such as `rustc 1.95.0 (59807616e 2026-04-14)`, and its commit in full.
///
/// An unknown compiler is written down as unknown, and the build goes on. Two images that both say
/// "unknown" are compared by everything else.
fn compiler() -> (String, String) {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let says = match Command::new(rustc).arg("-vV").output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
        _ => String::new(),
    };
    let version = says.lines().next().unwrap_or("an unknown rustc").trim();
    let commit = says
        .lines()
        .find_map(|line| line.strip_prefix("commit-hash: "))
        .unwrap_or("unknown")
        .trim();
    (version.to_owned(), commit.to_owned())
}
