//! Tells the crate which compiler builds it, with which flags, for which target, for which object
//! format, and whether accesses are inline there.
//!
//! Values cross from one image to another with Rust's own layout, which only one and the same
//! compiler promises. What this script leaves in `TLS_KEYS_…` becomes a part of the image's
//! manifest, and an image that another compiler built is refused.
//!
//! Some flags change how functions are called, or what compiled code expects of the rest of the
//! process. rustc notes them in each crate, and refuses to link crates that differ in them. No
//! trace of them is in a linked file, so they become a part of the manifest too: [`abi_flags`].

use std::collections::BTreeMap;
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
    // Cargo runs this script again when the flags change: they are a part of its fingerprint.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let flags: Vec<&str> = flags.split('\x1f').collect();
    println!("cargo::rustc-env=TLS_KEYS_FLAGS={}", abi_flags(&flags));
    println!("cargo::rustc-env=TLS_KEYS_ASKED_FOR={}", asked_for(&flags));

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

/// What sources may ask for by `cfg!` beside features of their crate: the target's features, and
/// the cfgs among the compiler's arguments. Sorted, with spaces between.
fn asked_for(arguments: &[&str]) -> String {
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let mut all: Vec<&str> = features
        .split(',')
        .filter(|name| !name.is_empty())
        .collect();
    let mut each = arguments.iter();
    while let Some(argument) = each.next() {
        match argument.strip_prefix("--cfg=") {
            Some(cfg) => all.push(cfg),
            None if *argument == "--cfg" => all.extend(each.next()),
            None => {}
        }
    }
    all.sort_unstable();
    all.dedup();
    all.join(" ")
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

/// Flags that two images must have alike, as rustc spells them, and the value that each has without
/// being set. tls-slots-manifest's `compare/flags.rs` says why, flag by flag.
const FLAGS: [(&str, &str); 11] = [
    // The target modifiers (RFC 3716) of rustc 1.95, which are all unstable.
    ("fixed-x18", "off"),
    ("indirect-branch-cs-prefix", "off"),
    ("reg-struct-return", "off"),
    ("regparm", "0"),
    ("retpoline", "off"),
    ("retpoline-external-thunk", "off"),
    ("sanitizer", ""),
    ("sanitizer-cfi-normalize-integers", "off"),
    // One more in rustc 1.97.
    ("branch-protection", ""),
    // What rustc does not compare, as it holds for a program as a whole.
    ("panic-in-drop", "unwind"),
    ("virtual-function-elimination", "off"),
];

/// Target features that a target's calling convention needs (`-`) or excludes (`+`): those of
/// `abi_required_features` in rustc's `target_features.rs`, version 1.95. To turn one round is a
/// warning of rustc's. The names of different architectures do not meet.
const FEATURES: [&str; 11] = [
    // x86.
    "-x87",
    "-sse",
    "-sse2",
    "+soft-float", // AArch64, and Arm.
    "-neon",
    "-fp-armv8",
    "-fpregs", // RISC-V and LoongArch.
    "-d",
    "-f",
    "+e",
    "+zfinx",
];

/// Those of rustc's arguments that change the binary interface: `name=value`, sorted, with a space
/// between two. A flag that has its default value is left out.
pub(crate) fn abi_flags(arguments: &[&str]) -> String {
    let mut set: BTreeMap<&str, String> = BTreeMap::new();
    let mut features: BTreeMap<&str, bool> = BTreeMap::new();
    for (name, value) in options(arguments) {
        if name == "target-feature" {
            for feature in value.split(',') {
                match feature.split_at_checked(1) {
                    Some(("+", name)) => features.insert(name, true),
                    Some(("-", name)) => features.insert(name, false),
                    _ => None,
                };
            }
        } else if name == "soft-float" {
            // `-C soft-float`, for some Arm targets. It is an old name for the feature.
            features.insert("soft-float", is_on(value));
        } else if let Some((name, _)) = FLAGS.iter().find(|(known, _)| *known == name) {
            let place = set.entry(name).or_default();
            *place = match *name {
                // These add up. All others hold as they were given last.
                "sanitizer" => format!("{place},{value}"),
                "regparm" | "branch-protection" | "panic-in-drop" => value.to_owned(),
                _ => if is_on(value) { "on" } else { "off" }.to_owned(),
            };
        }
    }
    if let Some(sanitizers) = set.get_mut("sanitizer") {
        let mut names: Vec<&str> = sanitizers.split(',').collect();
        // The leak sanitizer only links its runtime.
        names.retain(|name| !["", "leak"].contains(name));
        names.sort_unstable();
        names.dedup();
        *sanitizers = names.join(",");
    }
    set.retain(|name, value| !FLAGS.contains(&(name, value)));
    let turned: Vec<&str> = FEATURES
        .into_iter()
        .filter(|feature| {
            let (sign, name) = feature.split_at(1);
            features.get(name) == Some(&(sign == "+"))
        })
        .collect();
    if !turned.is_empty() {
        set.insert("target-feature", turned.join(","));
    }
    let set: Vec<String> = set
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    set.join(" ")
}

/// The `-C` and `-Z` options among rustc's arguments: names with `-`, and values.
fn options<'a>(arguments: &[&'a str]) -> Vec<(String, &'a str)> {
    let mut options = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let option = match *argument {
            "-C" | "-Z" | "--codegen" => arguments.next().copied(),
            _ => ["-C", "-Z", "--codegen="]
                .iter()
                .find_map(|prefix| argument.strip_prefix(prefix)),
        };
        if let Some(option) = option {
            let (name, value) = option.trim().split_once('=').unwrap_or((option.trim(), ""));
            options.push((name.replace('_', "-"), value));
        }
    }
    options
}

/// Whether a flag of this value is on. Without a value it is.
fn is_on(value: &str) -> bool {
    !["n", "no", "off", "false"].contains(&value)
}
