//! A static has a value.

tls_keys::process_local! {
    static NUMBER: u64;
}

fn main() {}
