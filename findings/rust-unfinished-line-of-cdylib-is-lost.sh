#!/usr/bin/env bash
# FACT      Text that a Rust cdylib prints without a newline never appears: nobody flushes it when
#           the host exits.
# SEEN WITH rustc 1.95.0, gcc 12.2.0, x86-64 Linux
# EXPECTED  std, documentation of `print!`: without a flush the text may come late. C11, 7.22.4.4:
#           `exit` writes out what is left in buffers, so "late" would mean "at exit".
# SEEN      A C host whose main returns normally loses the Rust text and keeps its own C text. A
#           Rust *program* that prints the same does not lose it.
# WHY       std flushes its standard output in the code around a Rust program's `main`, and a cdylib
#           has none. std registers nothing with `atexit`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > module.rs <<'RUST'
#[unsafe(no_mangle)]
pub extern "C" fn speak() {
    print!("[of the cdylib]");
}
RUST
echo 'fn main() { print!("[of the program]"); }' > program.rs
cat > host.c <<'C'
#include <stdio.h>
void speak(void);
int main(void) {
    printf("[of C]");
    speak();
}
C
rustc --edition 2024 --crate-type cdylib -O module.rs
rustc --edition 2024 -O program.rs
gcc -O2 -o host host.c -L. -lmodule -Wl,-rpath,"$work"

rustc --version
gcc --version | sed -n 1p
program=$(./program)
host=$(./host)
echo "a Rust program alone: $program"
echo "a C host and its cdylib: $host"
[[ $program == "[of the program]" && $host == "[of C]" ]] || { echo "CHANGED"; exit 1; }
