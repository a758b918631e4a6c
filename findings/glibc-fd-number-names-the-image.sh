#!/usr/bin/env bash
# FACT      glibc remembers a library opened as `/proc/self/fd/N` by that name, for as long as it is
#           loaded. If the descriptor is closed and its number then means another memfd, dlopen of
#           that name answers with the old library and does not look at the new file.
# SEEN WITH glibc 2.36 (Debian 2.36-9+deb12u14), gcc 12.2.0, x86-64
# EXPECTED  dlopen(3): opening the *same shared object* again gives the same handle. Two memfds are
#           two files with two inodes, so they should be two objects.
# SEEN      The second dlopen gives the first library's code. `/proc/PID/fd/N`, which means the same
#           file, gives the second library's code.
# WHY       glibc compares the name with the names of loaded objects before it opens the file and
#           compares device and inode.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

echo 'int version(void) { return VERSION; }' > library.c
cat > host.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static int memfd_of(const char *path) {
    struct stat about;
    int file = open(path, O_RDONLY), memory = memfd_create("library", 0);
    if (fstat(file, &about) != 0 || sendfile(memory, file, NULL, about.st_size) != about.st_size)
        return -1;
    close(file);
    return memory;
}

static int version_in(const char *folder, int number) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/fd/%d", folder, number);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    int (*version)(void) = library ? dlsym(library, "version") : NULL;
    return version ? version() : -1;
}

int main(void) {
    char own[16];
    snprintf(own, sizeof own, "%d", (int)getpid());
    int first = memfd_of("./one.so");
    printf("memfd of version 1 by /proc/self: version %d\n", version_in("self", first));
    close(first);
    int second = dup2(memfd_of("./two.so"), first);
    printf("memfd of version 2 by /proc/self: version %d\n", version_in("self", second));
    printf("memfd of version 2 by /proc/PID: version %d\n", version_in(own, second));
}
C
gcc -O2 -fPIC -shared -DVERSION=1 -o one.so library.c
gcc -O2 -fPIC -shared -DVERSION=2 -o two.so library.c
gcc -O2 -o host host.c -ldl

gcc --version | sed -n 1p
ldd --version | sed -n 1p
seen=$(./host)
echo "$seen"
[[ $seen == "memfd of version 1 by /proc/self: version 1
memfd of version 2 by /proc/self: version 1
memfd of version 2 by /proc/PID: version 2" ]] || { echo "CHANGED"; exit 1; }
