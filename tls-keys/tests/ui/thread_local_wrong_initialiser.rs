//! The initialiser is of another type.

tls_keys::thread_local! {
    static NUMBER: u64 = "a text";
}

fn main() {
    NUMBER.with(|number| println!("{number}"));
}
