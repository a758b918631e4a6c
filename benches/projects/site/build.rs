//! Exports the host's symbols.

fn main() {
    tls_slots_build::host();
}
