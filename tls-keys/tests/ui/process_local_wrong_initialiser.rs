//! The initialiser is of another type.

tls_keys::process_local! {
    static NUMBER: u64 = "a text";
}

fn main() {
    println!("{}", *NUMBER);
}
