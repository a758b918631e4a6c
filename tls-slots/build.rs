//! Says whether this is a build for ThreadSanitizer (cargo tells it with nightly compilers, which alone have
//! it); and, each once, on which targets
//!
//! - the table and the frame that stops a panic are written in assembly: those where `tls-keys` has inline access
//!   (`arch/mod.rs` there);
//! - functions of libc are taken over (`src/interpose/`).

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(tls_slots_asm)");
    println!("cargo::rustc-check-cfg=cfg(tls_slots_interpose)");
    println!("cargo::rustc-check-cfg=cfg(tls_slots_thread_sanitizer)");
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let architecture = ["x86_64", "aarch64"].contains(&target("ARCH").as_str());
    let elf = target("FAMILY") == "unix" && target("VENDOR") != "apple";
    if architecture && elf && target("POINTER_WIDTH") == "64" {
        println!("cargo::rustc-cfg=tls_slots_asm");
    }
    let gnu = target("OS") == "linux" && target("ENV") == "gnu" && target("POINTER_WIDTH") == "64";
    let is_static = target("FEATURE").split(',').any(|one| one == "crt-static");
    if gnu && !is_static && env::var_os("CARGO_CFG_MIRI").is_none() {
        println!("cargo::rustc-cfg=tls_slots_interpose");
    }
    let sanitizers = env::var("CARGO_CFG_SANITIZE").unwrap_or_default();
    if sanitizers.split(',').any(|one| one == "thread") {
        println!("cargo::rustc-cfg=tls_slots_thread_sanitizer");
    }
}
