//! Exports the host's symbols, where the program is a host.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "slots")]
    tls_slots_build::host();
}
