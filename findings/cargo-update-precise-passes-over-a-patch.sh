#!/usr/bin/env bash
# FACT      `cargo update --precise` asks nothing of a crate that `[patch]` leads to a path. It says
#           "Updating", exits with 0 and changes nothing, also for a version that nobody published.
# SEEN WITH cargo 1.95.0, itoa 1.0.9
# EXPECTED  cargo-update(1), "--precise": sets the package to that version. Without the patch, a
#           version that does not exist is an error.
# SEEN      "Updating itoa v1.0.9 (…) -> v1.0.9", exit 0, for 1.0.10 and for 9.9.9. Without the patch
#           1.0.10 is locked, and 9.9.9 is the error "no matching package".
# WHY       It matters to whoever replaces registry crates by copies: a script that moves a locked
#           version by this command, and trusts its exit code, has moved nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

mkdir src
touch src/lib.rs
cat > Cargo.toml <<'TOML'
[package]
name = "consumer"
version = "0.1.0"
edition = "2021"

[workspace]

[dependencies]
itoa = "1.0.9"
TOML
locked() { sed -n '/^name = "itoa"/{n;s/.*"\(.*\)"/\1/p}' Cargo.lock; }
move() { # VERSION
    local code=0
    cargo update --quiet itoa --precise "$1" 2> says || code=$?
    echo "$1: exit $code, locked $(locked)"
}

cargo --version
cargo generate-lockfile --quiet
echo "$(move 1.0.9)"
cargo vendor --quiet copies > /dev/null
without=$(move 1.0.10; move 9.9.9)
printf '\n[patch.crates-io]\nitoa = { path = "copies/itoa" }\n' >> Cargo.toml
cargo generate-lockfile --quiet
with=$(move 1.0.10; move 9.9.9)
printf 'without the patch:\n%s\nwith it:\n%s\n' "$without" "$with"
[[ $without == "1.0.10: exit 0, locked 1.0.10
9.9.9: exit 101, locked 1.0.10" && $with == "1.0.10: exit 0, locked 1.0.9
9.9.9: exit 0, locked 1.0.9" ]] || { echo "CHANGED"; exit 1; }
