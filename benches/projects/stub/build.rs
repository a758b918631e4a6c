//! Exports what a host exports.

fn main() {
    tls_slots_build::host();
}
