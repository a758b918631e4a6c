#!/usr/bin/env bash
# FACT      tokio's published package has a Cargo.lock that pins an older tokio for tokio-test. A
#           checkout of it that patches crates.io's tokio with itself builds both versions, and
#           cargo gives no warning. A package of another name, with the same tokio in its lock and
#           the same patch, gets the warning "was not used".
# SEEN WITH tokio 1.54.1, tokio-test 0.4.6, cargo 1.95.0
# EXPECTED  Cargo book, "Overriding Dependencies": [patch] replaces a dependency in the whole graph,
#           and cargo warns of a patch that is not used.
# SEEN      `cargo tree` shows tokio 1.54.0 and the checkout's 1.54.1 side by side, without a
#           warning. So tokio-test's helpers run another tokio than the one under test.
# WHY       The lock has the last word on a version. The patch counts as used because the package
#           that is built is the patch's own package.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

mkdir -p consumer/src
touch consumer/src/lib.rs
cat > consumer/Cargo.toml <<'TOML'
[package]
name = "consumer"
version = "0.1.0"
edition = "2024"

[dependencies]
tokio = "=1.54.1"
tokio-test = "=0.4.6"
TOML
cd consumer
source=$(cargo metadata --quiet --format-version 1 |
    grep --only-matching '"manifest_path":"[^"]*/tokio-1.54.1/Cargo.toml"' | cut -d '"' -f 4)
cp -R "$(dirname "$source")" ../checkout
cp -R ../checkout ../plain
chmod -R u+w ../checkout
printf '\n[workspace]\n\n[patch.crates-io]\ntokio = { path = "." }\n' >> ../checkout/Cargo.toml

# The consumer: tokio-test alone, locked to the same old tokio.
sed -i '/^tokio = /d' Cargo.toml
cargo update --quiet tokio --precise 1.54.0 2> /dev/null
printf '\n[patch.crates-io]\ntokio = { path = "../plain" }\n' >> Cargo.toml
cd ..

look() { # FOLDER
    cargo tree --manifest-path "$1/Cargo.toml" --edges all --prefix none 2> messages > tree
    versions=$(grep --only-matching --extended-regexp '^tokio v[0-9.]+' tree |
        cut -d v -f 2 | sort --unique | paste -sd ' ')
    warnings=$(grep --count 'was not used' messages || true)
    echo "$1: tokio $versions, warnings: $warnings"
}
cargo --version
seen=$(look checkout && look consumer)
echo "$seen"
[[ $seen == "checkout: tokio 1.54.0 1.54.1, warnings: 0
consumer: tokio 1.54.0, warnings: 1" ]] || { echo "CHANGED"; exit 1; }
