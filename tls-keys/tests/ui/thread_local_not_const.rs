//! What stands in `const { }` is evaluated at compile time.

tls_keys::thread_local! {
    static NUMBERS: Vec<u64> = const { [1, 2].to_vec() };
}

fn main() {
    NUMBERS.with(|numbers| println!("{numbers:?}"));
}
