#!/usr/bin/env bash
# FACT      In glibc, `dlsym(RTLD_DEFAULT, …)` called by the executable pins the library in which it
#           finds the symbol: dlclose answers 0 and never unloads it. The same search through the
#           handle of `dlopen(NULL)` does not pin.
# SEEN WITH glibc 2.36 (Debian 2.36-9+deb12u14), gcc 12.2.0, x86-64
# EXPECTED  dlsym(3) and POSIX describe both as look-ups; neither takes a reference. dlclose(3):
#           when the last reference goes and no other object needs the library, it is unloaded.
# SEEN      After one look-up by RTLD_DEFAULT the library stays mapped.
# WHY       A look-up by RTLD_DEFAULT counts as a dependency of the caller. An executable is never
#           unloaded, so the dependency never ends.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

echo 'int answer(void) { return 42; }' > library.c
cat > host.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

static int is_library(struct dl_phdr_info *info, size_t size, void *data) {
    return strstr(info->dlpi_name, "library.so") != NULL;
}

int main(int argc, char **argv) {
    void *library = dlopen("./library.so", RTLD_NOW | RTLD_GLOBAL);
    void *everything = dlopen(NULL, RTLD_NOW);
    void *searched = strcmp(argv[1], "RTLD_DEFAULT") == 0 ? RTLD_DEFAULT : everything;
    int (*answer)(void) = strcmp(argv[1], "none") == 0 ? NULL : dlsym(searched, "answer");
    int found = answer && answer() == 42;
    int closed = dlclose(library);
    printf("found %d, dlclose %d, %s\n", found, closed,
           dl_iterate_phdr(is_library, NULL) ? "still mapped" : "unmapped");
}
C
gcc -O2 -fPIC -shared -o library.so library.c
gcc -O2 -o host host.c -ldl

gcc --version | sed -n 1p
ldd --version | sed -n 1p
seen=$(for search in none 'dlopen(NULL)' RTLD_DEFAULT; do
    echo "dlsym through $search: $(./host "$search")"
done)
echo "$seen"
[[ $seen == "dlsym through none: found 0, dlclose 0, unmapped
dlsym through dlopen(NULL): found 1, dlclose 0, unmapped
dlsym through RTLD_DEFAULT: found 1, dlclose 0, still mapped" ]] || { echo "CHANGED"; exit 1; }
