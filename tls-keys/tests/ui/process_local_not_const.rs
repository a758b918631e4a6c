//! A static's initialiser is evaluated at compile time.

use std::sync::Mutex;

fn numbers() -> Vec<u64> {
    vec![1]
}

tls_keys::process_local! {
    static NUMBERS: Mutex<Vec<u64>> = Mutex::new(numbers());
}

fn main() {
    println!("{}", NUMBERS.lock().unwrap().len());
}
