#!/usr/bin/env bash
# FACT      For aarch64, GNU ld does not set DF_STATIC_TLS in a shared library with initial-exec
#           TLS. gold of the same package does, and GNU ld for x86-64 does. A tool that finds such
#           libraries by the flag misses those of GNU ld on aarch64.
# SEEN WITH GNU ld 2.40 and gold 1.16 (Debian binutils 2.40-2, binutils-aarch64-linux-gnu 2.40-2),
#           gcc 12.2.0
# EXPECTED  System V gABI, chapter 5, "Dynamic Section": DF_STATIC_TLS in DT_FLAGS says that the
#           code of the object uses the static TLS scheme. Initial-exec code does.
# SEEN      One source, four links: only GNU ld for aarch64 leaves the flag out, although its output
#           has the same relocation R_AARCH64_TLS_TPREL64 as gold's.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

command -v aarch64-linux-gnu-gcc > /dev/null ||
    { apt-get update -qq && apt-get install -qq --yes gcc-aarch64-linux-gnu; } > /dev/null 2>&1
cat > library.c <<'C'
static __attribute__((tls_model("initial-exec"))) _Thread_local int value;
int *touch(void) { return &value; }
C
link() { # PREFIX LINKER
    "$1gcc" -O2 -fPIC -c -o library.o library.c
    "$1$2" -shared -o library.so library.o
    readelf --relocs --dynamic --wide library.so |
        grep --only-matching --extended-regexp 'R_\w+TP(OFF|REL)64|STATIC_TLS' | paste -sd ' '
}

gcc --version | sed -n 1p
aarch64-linux-gnu-gcc --version | sed -n 1p
for linker in ld.bfd ld.gold aarch64-linux-gnu-ld.bfd aarch64-linux-gnu-ld.gold; do
    echo "$linker: $("$linker" --version | sed -n 1p)"
done
seen=$(for prefix in '' aarch64-linux-gnu-; do
    for linker in ld.bfd ld.gold; do echo "$prefix$linker: $(link "$prefix" "$linker")"; done
done)
echo "$seen"
[[ $seen == "ld.bfd: STATIC_TLS R_X86_64_TPOFF64
ld.gold: STATIC_TLS R_X86_64_TPOFF64
aarch64-linux-gnu-ld.bfd: R_AARCH64_TLS_TPREL64
aarch64-linux-gnu-ld.gold: STATIC_TLS R_AARCH64_TLS_TPREL64" ]] || { echo "CHANGED"; exit 1; }
