#!/usr/bin/env bash
# FACT      A `--cfg` in RUSTFLAGS that changes a private field's type changes a type's layout and
#           keeps its TypeId. A change of the profile's opt-level keeps the layout and changes the
#           TypeId.
# SEEN WITH rustc 1.95.0, cargo 1.95.0
# EXPECTED  std, documentation of `TypeId`: a globally unique identifier of a type. Whoever compares
#           TypeIds over two builds of one crate would expect "same layout, same id" and "other
#           layout, other id".
# SEEN      The other way round, in both cases.
# WHY       A TypeId is a hash of the type's name and of its crate's identity, not of its fields.
#           Cargo puts profile settings into the crate's identity (`-C metadata`) and leaves
#           RUSTFLAGS out.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

export CARGO_TARGET_DIR="$work/target"
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_PROFILE_DEV_OPT_LEVEL
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "shape"
version = "0.1.0"
edition = "2024"

[lints.rust]
unexpected_cfgs = { level = "warn", check-cfg = ["cfg(wide)"] }
TOML
cat > src/main.rs <<'RUST'
#[cfg(wide)]
type Count = u64;
#[cfg(not(wide))]
type Count = u8;

#[derive(Default)]
struct Inner {
    _count: Count,
}

#[derive(Default)]
pub struct Outer {
    _inner: Inner,
}

fn main() {
    println!("{:?} {}", std::any::TypeId::of::<Outer>(), size_of::<Outer>());
}
RUST

rustc --version
cargo --version
read -r plain_id plain_size < <(cargo run --quiet)
read -r cfg_id cfg_size < <(RUSTFLAGS="--cfg wide" cargo run --quiet)
read -r opt_id opt_size < <(CARGO_PROFILE_DEV_OPT_LEVEL=1 cargo run --quiet)
echo "as it is:                $plain_id, size $plain_size"
echo "RUSTFLAGS='--cfg wide':  $cfg_id, size $cfg_size"
echo "opt-level = 1:           $opt_id, size $opt_size"
[[ $cfg_id == "$plain_id" && $cfg_size != "$plain_size" ]] &&
    [[ $opt_id != "$plain_id" && $opt_size == "$plain_size" ]] || { echo "CHANGED"; exit 1; }
