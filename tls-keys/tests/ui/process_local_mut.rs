//! The one instance is only shared, so `mut` has no meaning.

tls_keys::process_local! {
    static mut NUMBER: u64 = 5;
}

fn main() {}
