#!/usr/bin/env bash
# FACT      `CARGO_INCREMENTAL` decides about the TypeId of a path dependency's types, and not about
#           those of a registry's crate.
# SEEN WITH cargo 1.95.0, rustc 1.95.0, x86-64 Linux
# EXPECTED  The Cargo Book, "Profiles": `incremental` "controls the -C incremental flag", by which
#           "rustc will save additional information to disk which will be reused". std,
#           documentation of `TypeId`: ids vary between Rust releases; nothing is said of cargo.
# SEEN      The same sources, the same profile and the same folder give a type of a path crate
#           another TypeId with CARGO_INCREMENTAL=0 than with 1. A type of `http` 1.3.1 has the same
#           in both. CI services often set the variable to 0, so two shared libraries, one of CI and
#           one of a developer, do not downcast each other's values.
# WHY       cargo hashes a package's profile into the crate's id, which is a part of the TypeId. Only
#           for path dependencies does it set `incremental` in that profile.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CARGO_TARGET_DIR="$work/target"

mkdir -p value/src program/src
cat > value/Cargo.toml <<'TOML'
[package]
name = "value"
version = "0.1.0"
edition = "2024"
[workspace]
TOML
echo 'pub struct Value;' > value/src/lib.rs
cat > program/Cargo.toml <<'TOML'
[package]
name = "program"
version = "0.1.0"
edition = "2024"
[dependencies]
http = "=1.3.1"
value = { path = "../value" }
[workspace]
TOML
cat > program/src/main.rs <<'RUST'
use std::any::TypeId;
fn main() {
    println!("path {:?}", TypeId::of::<value::Value>());
    println!("registry {:?}", TypeId::of::<http::Extensions>());
}
RUST

id() { # CARGO_INCREMENTAL, kind of crate
    CARGO_INCREMENTAL=$1 cargo run --quiet --manifest-path program/Cargo.toml | grep "^$2 "
}
cargo --version
rustc --version
path0=$(id 0 path) path1=$(id 1 path)
registry0=$(id 0 registry) registry1=$(id 1 registry)
printf '%s\n' "CARGO_INCREMENTAL=0: $path0" "CARGO_INCREMENTAL=1: $path1" \
    "CARGO_INCREMENTAL=0: $registry0" "CARGO_INCREMENTAL=1: $registry1"
[[ $path0 != "$path1" && $registry0 == "$registry1" ]] || { echo "CHANGED"; exit 1; }
