#!/usr/bin/env bash
# FACT      Once a Rust program has printed a backtrace, frames of libraries that it opens later are
#           `<unknown>` in its backtraces.
# SEEN WITH rustc 1.95.0, glibc 2.36, x86-64 Linux
# EXPECTED  std, documentation of `Backtrace`: names are best effort, so some may lack. Whether an
#           *earlier* backtrace was taken should not matter.
# SEEN      The same function of the same cdylib has its name in the program's first backtrace and
#           is `<unknown>` if the program printed a backtrace before it opened the cdylib.
# WHY       std lists the loaded libraries when it resolves its first backtrace, and keeps that
#           list.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > module.rs <<'RUST'
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn of_the_module(call: extern "C" fn()) {
    call();
    std::hint::black_box(());
}
RUST
cat > host.rs <<'RUST'
use std::backtrace::Backtrace;
use std::ffi::{c_char, c_int, c_void};

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}
const RTLD_NOW: c_int = 2;

/// Prints the name of the frame between this function and `main`.
extern "C" fn print_caller() {
    let trace = Backtrace::force_capture().to_string();
    let names = trace.lines().filter(|line| !line.trim_start().starts_with("at "));
    let after = names.skip_while(|line| !line.contains("host::print_caller")).nth(1);
    println!("{}", after.and_then(|line| line.split_whitespace().nth(1)).unwrap_or("nothing"));
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("before") {
        let _ = Backtrace::force_capture().to_string();
    }
    // SAFETY: The library is the one built above; the function has this type.
    unsafe {
        let module = dlopen(c"./libmodule.so".as_ptr(), RTLD_NOW);
        let function = dlsym(module, c"of_the_module".as_ptr());
        assert!(!function.is_null());
        let function: extern "C" fn(extern "C" fn()) = std::mem::transmute(function);
        function(print_caller);
    }
}
RUST
rustc --edition 2024 --crate-type cdylib -g module.rs
rustc --edition 2024 -g host.rs

rustc --version
ldd --version | sed -n 1p
first=$(./host)
second=$(./host before)
echo "no backtrace before dlopen:  $first"
echo "a backtrace before dlopen:   $second"
[[ $first == of_the_module && $second == "<unknown>" ]] || { echo "CHANGED"; exit 1; }
