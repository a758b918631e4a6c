//! A static has a type.

tls_keys::process_local! {
    static NUMBER = 5;
}

fn main() {}
