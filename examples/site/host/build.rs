//! Prints the link arguments of a host: its executable exports what the modules look for.

fn main() {
    tls_slots_build::host();
}
