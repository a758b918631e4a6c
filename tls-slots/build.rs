//! Says, each fact once, on which targets
//!
//! - the table and the frame that stops a panic are written in assembly (`tls_slots_asm`): those
//!   where `tls-keys` has inline access (`arch/mod.rs` there);
//! - images have ELF program headers of 64 bits (`tls_slots_program_headers`);
//! - the counter of thread ids of a module's std can be found (`tls_slots_id_counter`).

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(tls_slots_asm)");
    println!("cargo::rustc-check-cfg=cfg(tls_slots_id_counter)");
    println!("cargo::rustc-check-cfg=cfg(tls_slots_program_headers)");
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let known = ["x86_64", "aarch64"].contains(&target("ARCH").as_str());
    let wide = target("POINTER_WIDTH") == "64";
    let elf = target("FAMILY") == "unix" && target("VENDOR") != "apple";
    if known && wide && elf {
        println!("cargo::rustc-cfg=tls_slots_asm");
    }
    if wide && elf {
        println!("cargo::rustc-cfg=tls_slots_program_headers");
    }
    let glibc = target("OS") == "linux" && target("ENV") == "gnu";
    let little = target("ENDIAN") == "little";
    if known && wide && little && glibc && env::var_os("CARGO_CFG_MIRI").is_none() {
        println!("cargo::rustc-cfg=tls_slots_id_counter");
    }
}
