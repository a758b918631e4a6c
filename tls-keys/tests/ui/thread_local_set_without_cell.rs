//! `set` is for `Cell` and `RefCell`, as std's.

tls_keys::thread_local! {
    static NUMBER: u64 = 5;
}

fn main() {
    NUMBER.set(6);
}
