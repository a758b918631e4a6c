//! Sets two `cfg`s, so that each condition is written once:
//!
//! - `tls_slots_interpose`: on this target the host takes functions of libc over
//!   (`src/alive/libc/`).
//! - `tls_slots_thread_sanitizer`: this is a build for ThreadSanitizer. Cargo tells that only with
//!   nightly compilers, and only those have the sanitizer.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(tls_slots_interpose)");
    println!("cargo::rustc-check-cfg=cfg(tls_slots_thread_sanitizer)");
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let glibc = target("OS") == "linux" && target("ENV") == "gnu";
    let wide = target("POINTER_WIDTH") == "64";
    let is_static = target("FEATURE").split(',').any(|one| one == "crt-static");
    if glibc && wide && !is_static && env::var_os("CARGO_CFG_MIRI").is_none() {
        println!("cargo::rustc-cfg=tls_slots_interpose");
    }
    let sanitizers = env::var("CARGO_CFG_SANITIZE").unwrap_or_default();
    if sanitizers.split(',').any(|one| one == "thread") {
        println!("cargo::rustc-cfg=tls_slots_thread_sanitizer");
    }
}
