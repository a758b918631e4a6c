//! A key has a type.

tls_keys::thread_local! {
    static NUMBER = 5;
}

fn main() {}
