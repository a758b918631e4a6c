//! What a module's linker needs.

fn main() {
    tls_slots_build::module();
}
