#!/usr/bin/env bash
# FACT      glibc gives the static TLS of a closed library back only if that library was the last
#           one to get some. A program that opens the next library before it closes the previous one
#           runs out of static TLS, although it never has more than two libraries open.
# SEEN WITH glibc 2.36 (Debian 2.36-9+deb12u14), gcc 12.2.0, x86-64
# EXPECTED  glibc keeps a reserve of static TLS for libraries that come late (manual of the GNU C
#           Library, "Dynamic Linking Tunables", glibc.rtld.optional_static_tls: 512 bytes by
#           default). dlclose(3): with its last reference a library is unloaded. Two blocks of 64
#           bytes at a time should fit for ever.
# SEEN      "close, then open" makes all 200 rounds. "Open, then close" with the same libraries is
#           refused after some tens of rounds: `cannot allocate memory in static TLS block`.
# WHY       glibc keeps one mark, "used up to here". A closed library moves the mark back only if
#           its block ends at the mark.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > library.c <<'C'
static __attribute__((tls_model("initial-exec"))) _Thread_local char block[64];
char *touch(void) { return block; }
C
cat > host.c <<'C'
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 200 };

static void *open_library(int round) {
    char path[32];
    snprintf(path, sizeof path, "./library%d.so", round);
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

int main(int argc, char **argv) {
    int close_first = argc > 1 && strcmp(argv[1], "close-first") == 0;
    void *previous = open_library(0);
    for (int round = 1; round <= ROUNDS; round++) {
        if (close_first)
            dlclose(previous);
        void *next = open_library(round);
        if (!next) {
            printf("refused in round %d: %s\n", round, dlerror());
            return 0;
        }
        if (!close_first)
            dlclose(previous);
        previous = next;
    }
    printf("all %d rounds\n", ROUNDS);
}
C
gcc -O2 -fPIC -shared -o library0.so library.c
for round in $(seq 200); do cp library0.so "library$round.so"; done
gcc -O2 -o host host.c -ldl

gcc --version | sed -n 1p
ldd --version | sed -n 1p
close_first=$(./host close-first)
open_first=$(./host open-first)
echo "close, then open: $close_first"
echo "open, then close: $open_first"
[[ $close_first == "all 200 rounds" ]] &&
    [[ $open_first == "refused in round "*": cannot allocate memory in static TLS block" ]] ||
    { echo "CHANGED"; exit 1; }
