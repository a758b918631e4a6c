//! The instance stays where it is.

use std::sync::Mutex;

tls_keys::process_local! {
    static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());
}

fn main() {
    let _names: Mutex<Vec<String>> = *NAMES;
}
