#!/usr/bin/env bash
# FACT      glibc's dlmopen gives 15 new namespaces to a library that needs nothing, but refuses the
#           12th to a library that needs libc, for want of static TLS. With
#           GLIBC_TUNABLES=glibc.rtld.nns=16 both get 15.
# SEEN WITH glibc 2.36 (Debian 2.36-9+deb12u14), gcc 12.2.0, x86-64
# EXPECTED  dlmopen(3): at most 16 namespaces (one is the program's own). The manual of the GNU C
#           Library, "Dynamic Linking Tunables": glibc.rtld.nns is the number of supported
#           namespaces, 4 by default. Neither 4 nor 16 is what a program gets.
# SEEN      15 without libc: `no more namespaces available for dlmopen()`. 11 with libc: `libc.so.6:
#           cannot allocate memory in static TLS block`.
# WHY       The limit on the number is always 16. The tunable only sizes the reserve of static TLS,
#           from which each further copy of libc takes its thread-locals.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > library.c <<'C'
#ifdef WITH_LIBC
#include <stdlib.h>
int value(void) { return atoi("7"); }
#else
int value(void) { return 7; }
#endif
C
cat > host.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv) {
    int opened = 0;
    while (opened < 100 && dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW))
        opened++;
    printf("%d opened, then %s\n", opened, dlerror());
}
C
gcc -O2 -fPIC -shared -nostdlib -o without.so library.c
gcc -O2 -fPIC -shared -DWITH_LIBC -o with.so library.c
gcc -O2 -o host host.c -ldl

gcc --version | sed -n 1p
ldd --version | sed -n 1p
unset GLIBC_TUNABLES
without=$(./host ./without.so)
with=$(./host ./with.so)
tuned=$(GLIBC_TUNABLES=glibc.rtld.nns=16 ./host ./with.so)
echo "without libc:          $without"
echo "with libc:             $with"
echo "with libc and nns=16:  $tuned"
[[ $without == "15 opened, then "*"no more namespaces available for dlmopen()"* ]] &&
    [[ $with == "11 opened, then "*"libc.so.6: cannot allocate memory in static TLS block" ]] &&
    [[ $tuned == "15 opened, then "*"no more namespaces available for dlmopen()"* ]] ||
    { echo "CHANGED"; exit 1; }
