#!/usr/bin/env bash
# FACT      With `-Z randomize-layout` and one `-Z layout-seed`, one struct has another order of
#           fields if the crate's `-C metadata` differs.
# SEEN WITH rustc 1.95.0
# EXPECTED  The Unstable Book, "randomize-layout", calls the seed additional entropy, and names
#           nothing else that the order depends on. Whoever gives two builds of one source one seed,
#           and one compiler, expects one order.
# SEEN      Equal layouts for equal metadata. Several orders over six values of `-C metadata`, which
#           cargo gives by the package's path and the profile.
# WHY       The seed is combined with the hash of the type's path, and the crate's stable id is a
#           part of that hash.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > main.rs <<'RUST'
use std::mem::offset_of;

#[allow(dead_code)]
struct Four {
    a: u64,
    b: u64,
    c: u64,
    d: u64,
}

fn main() {
    let offsets = [
        offset_of!(Four, a),
        offset_of!(Four, b),
        offset_of!(Four, c),
        offset_of!(Four, d),
    ];
    println!("{offsets:?}");
}
RUST

layout() {
    RUSTC_BOOTSTRAP=1 rustc --edition 2024 -Zrandomize-layout -Zlayout-seed=7 \
        -C metadata="$1" -o "program-$2" main.rs
    "./program-$2"
}

rustc --version
for metadata in one two three four five six; do
    layout "$metadata" first >> first
    layout "$metadata" second >> second
    echo "-C metadata=$metadata: $(tail -n 1 first)"
done
different=$(sort -u first | wc -l)
echo "$different orders"
cmp -s first second && ((different > 1)) || { echo "CHANGED"; exit 1; }
