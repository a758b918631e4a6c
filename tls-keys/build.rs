//! Tells the crate which compiler builds it, and for which object format.
//!
//! Values cross from one image to another with Rust's own layout, which only one and the same
//! compiler promises. The registry compares the text that this script leaves in
//! `TLS_KEYS_RUSTC`, and refuses an image that another compiler built.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC");
    println!("cargo::rustc-env=TLS_KEYS_RUSTC={}", compiler());

    let formats = ["tls_keys_elf", "tls_keys_macho", "tls_keys_pe"];
    for format in formats {
        println!("cargo::rustc-check-cfg=cfg({format})");
    }
    let vendor = env::var("CARGO_CFG_TARGET_VENDOR").unwrap_or_default();
    let family = env::var("CARGO_CFG_TARGET_FAMILY").unwrap_or_default();
    let format = match (vendor.as_str(), family.as_str()) {
        ("apple", _) => "tls_keys_macho",
        (_, "windows") => "tls_keys_pe",
        (_, "unix") => "tls_keys_elf",
        // `src/object/mod.rs` explains what is missing, by a compile error.
        _ => return,
    };
    println!("cargo::rustc-cfg={format}");
}

/// `rustc 1.95.0 (59807616e 2026-04-14)`, or why it is not known.
///
/// An unknown compiler is written down as such instead of failing the build: two images
/// that both say "unknown" are then compared by everything else.
fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    match Command::new(rustc).arg("--version").output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => "an unknown rustc".to_owned(),
    }
}
