#!/usr/bin/env bash
# FACT      The crate `object` answers `Ok` with no exports for a shared library without section
#           headers, which the loader loads and whose function it finds.
# SEEN WITH object 0.40.0, goblin 0.10.7, rustc 1.95.0 with its rust-lld (LLD 22.1.2), glibc 2.36
# EXPECTED  System V gABI, chapter 4: files for linking must have a section header table, others may
#           have none. Documentation of `Object::exports`: the exported items, or an error if their
#           tables could not be parsed. The dynamic segment has the tables.
# SEEN      With `-z nosectionheader` exports() is `Ok([])`. goblin reads the dynamic segment and
#           finds the function in both files.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

export CARGO_TARGET_DIR="$work/target"
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "exports"
version = "0.1.0"
edition = "2024"

[dependencies]
goblin = "=0.10.7"
object = "=0.40.0"
TOML
cat > src/main.rs <<'RUST'
use object::Object;

fn main() {
    for path in std::env::args().skip(1) {
        let data = std::fs::read(&path).unwrap();
        let with_object = match object::File::parse(&*data).unwrap().exports() {
            Ok(exports) => format!("Ok, {} exports", exports.count()),
            Err(error) => format!("Err, {error}"),
        };
        let elf = goblin::elf::Elf::parse(&data).unwrap();
        let with_goblin = elf.dynsyms.iter().any(|symbol| {
            !symbol.is_import() && elf.dynstrtab.get_at(symbol.st_name) == Some("answer")
        });
        println!("{path}: object {with_object}; goblin finds it: {with_goblin}");
    }
}
RUST
cat > library.rs <<'RUST'
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> i32 {
    42
}
RUST
cat > load.c <<'C'
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv) {
    for (int at = 1; at < argc; at++) {
        int (*answer)(void) = dlsym(dlopen(argv[at], RTLD_NOW), "answer");
        printf("%s: the loader's function answers %d\n", argv[at], answer());
    }
}
C
rustc --edition 2024 --crate-type cdylib -o usual.so library.rs
rustc --edition 2024 --crate-type cdylib -C link-arg=-Wl,-z,nosectionheader \
    -o headless.so library.rs
gcc -O2 -o load load.c -ldl

rustc --version
ldd --version | sed -n 1p
seen=$(./load ./usual.so ./headless.so && cargo run --quiet -- ./usual.so ./headless.so)
echo "$seen"
[[ $seen == "./usual.so: the loader's function answers 42
./headless.so: the loader's function answers 42
./usual.so: object Ok, 1 exports; goblin finds it: true
./headless.so: object Ok, 0 exports; goblin finds it: true" ]] || { echo "CHANGED"; exit 1; }
