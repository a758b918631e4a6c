//! One instance for all threads, so its type must be `Sync`.

use std::cell::Cell;

tls_keys::process_local! {
    static NUMBER: Cell<u64> = Cell::new(0);
}

fn main() {
    NUMBER.set(1);
}
