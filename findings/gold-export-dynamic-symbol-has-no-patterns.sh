#!/usr/bin/env bash
# FACT      GNU gold reads the argument of `--export-dynamic-symbol` as a name. GNU ld, LLD and mold
#           read it as a glob pattern. With a pattern gold exports nothing, warns of nothing and
#           exits with 0.
# SEEN WITH gold 1.16 and GNU ld 2.40 (Debian binutils 2.40-2), lld 14.0.6, mold 1.10.1
# EXPECTED  Manual of GNU ld, "Command-line Options", --export-dynamic-symbol: the argument is a
#           glob. gold is part of the same package and takes the same option.
# SEEN      `--export-dynamic-symbol=host_*`: two symbols of the executable are exported by the
#           three others, none by gold. The plain name works in all four.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

command -v ld.lld > /dev/null && command -v ld.mold > /dev/null ||
    { apt-get update -qq && apt-get install -qq --yes lld mold; } > /dev/null 2>&1
cat > host.c <<'C'
int host_open(void) { return 1; }
int host_close(void) { return 2; }
int other(void) { return 3; }
int main(void) { return host_open() + host_close() + other() - 6; }
C
gcc -c -fPIE host.c

exported() { # LINKER ARGUMENT
    gcc -pie "-fuse-ld=$1" "-Wl,--export-dynamic-symbol=$2" -o "host-$1" host.o
    nm --dynamic --defined-only --format=posix "host-$1" |
        awk '$1 ~ /^(host_|other)/ { print $1 }' | sort | paste -sd ' '
}

seen=$(for linker in bfd gold lld mold; do
    echo "$linker, host_open: $(exported "$linker" host_open 2>&1)"
    echo "$linker, host_*: $(exported "$linker" 'host_*' 2>&1)"
done)
for linker in bfd gold lld mold; do "ld.$linker" --version | sed -n 1p; done
echo "$seen"
[[ $seen == "bfd, host_open: host_open
bfd, host_*: host_close host_open
gold, host_open: host_open
gold, host_*: 
lld, host_open: host_open
lld, host_*: host_close host_open
mold, host_open: host_open
mold, host_*: host_close host_open" ]] || { echo "CHANGED"; exit 1; }
