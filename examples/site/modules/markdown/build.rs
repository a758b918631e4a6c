//! Prints the link arguments of a module.

fn main() {
    tls_slots_build::module();
}
