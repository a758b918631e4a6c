#!/usr/bin/env bash
# FACT      A version script with `local: *` that the user passes for a Rust cdylib has no effect
#           with rustc's default linker, and no message says so. GNU ld refuses the link. For C both
#           linkers honour the script.
# SEEN WITH rustc 1.95.0 with its rust-lld (LLD 22.1.2), GNU ld 2.40 (Debian binutils 2.40-2), gcc
#           12.2.0, x86-64
# EXPECTED  rustc book, `-C link-arg`: the argument is passed to the linker. Manual of GNU ld,
#           "VERSION Command": `{ global: api_*; local: *; };` leaves only `api_…` visible.
# SEEN      LLD exports `inner` all the same. GNU ld: `anonymous version tag cannot be combined with
#           other version tags`.
# WHY       rustc passes a version script of its own with the exact name of each exported symbol.
#           LLD merges both scripts, and an exact name wins over a pattern.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

unset RUSTFLAGS
echo '{ global: api_*; local: *; };' > exports.map
cat > library.rs <<'RUST'
#[unsafe(no_mangle)]
pub extern "C" fn api_call() {}

#[unsafe(no_mangle)]
pub extern "C" fn inner() {}
RUST
echo 'void api_call(void) {} void inner(void) {}' > library.c
bundled=$(rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-gnu/bin/gcc-ld

exports() {
    nm --dynamic --defined-only --format=posix liblibrary.so |
        awk '$1 ~ /^(api_call|inner)$/ { print $1 }' | sort | paste -sd ' '
}
link() { # rust|c lld|bfd
    rm -f liblibrary.so
    local script=-Wl,--version-script=exports.map
    local rust=(rustc --edition 2024 --crate-type cdylib -C "link-arg=$script" library.rs)
    local c=(gcc -fPIC -shared "$script" -o liblibrary.so library.c)
    case "$1 $2" in
        'rust lld') "${rust[@]}" ;;
        'rust bfd') "${rust[@]}" -C linker-features=-lld -C link-arg=-fuse-ld=bfd ;;
        'c lld') "${c[@]}" -B "$bundled" -fuse-ld=lld ;;
        'c bfd') "${c[@]}" -fuse-ld=bfd ;;
    esac > messages 2>&1 && exports ||
        grep --only-matching 'anonymous version tag cannot .*' messages
}

rustc --version
gcc --version | sed -n 1p
"$bundled/ld.lld" --version
ld.bfd --version | sed -n 1p
seen=$(for language in c rust; do
    for linker in lld bfd; do echo "$language, $linker: $(link "$language" "$linker")"; done
done)
echo "$seen"
[[ $seen == "c, lld: api_call
c, bfd: api_call
rust, lld: api_call inner
rust, bfd: anonymous version tag cannot be combined with other version tags" ]] ||
    { echo "CHANGED"; exit 1; }
