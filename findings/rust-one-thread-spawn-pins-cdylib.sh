#!/usr/bin/env bash
# FACT      A Rust cdylib without a `thread_local!` of its own, whose function once spawned and
#           joined a thread, stays mapped after dlclose. Even the end of the calling thread does not
#           unmap it; the next dlclose of any other library does.
# SEEN WITH rustc 1.95.0, glibc 2.36 (Debian 2.36-9+deb12u14), x86-64
# EXPECTED  std, documentation of `JoinHandle::join`: the thread is over when join returns.
#           dlclose(3): with its last reference a library is unloaded.
# SEEN      dlclose answers 0 and leaves the cdylib mapped. It is still mapped after the caller's
#           thread was joined, and goes when an unrelated C library is opened and closed.
# WHY       `thread::spawn` uses, on the *calling* thread, a thread-local of std with a destructor.
#           glibc counts the library as used until the destructor has run, and looks for libraries
#           that nobody uses only inside dlclose.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > module.rs <<'RUST'
#[unsafe(no_mangle)]
pub extern "C" fn plain() {}

#[unsafe(no_mangle)]
pub extern "C" fn spawns() {
    std::thread::spawn(|| ()).join().unwrap();
}
RUST
echo 'int unrelated(void) { return 0; }' > unrelated.c
cat > host.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

static sem_t called, closed;

static int is_module(struct dl_phdr_info *info, size_t size, void *data) {
    return strstr(info->dlpi_name, "libmodule.so") != NULL;
}

static void report(const char *when) {
    printf("  %s: %s\n", when, dl_iterate_phdr(is_module, NULL) ? "mapped" : "unmapped");
}

static void *caller(void *function) {
    ((void (*)(void))function)();
    sem_post(&called);
    sem_wait(&closed);
    return NULL;
}

int main(int argc, char **argv) {
    sem_init(&called, 0, 0);
    sem_init(&closed, 0, 0);
    void *module = dlopen("./libmodule.so", RTLD_NOW | RTLD_LOCAL);
    pthread_t thread;
    pthread_create(&thread, NULL, caller, dlsym(module, argv[1]));
    sem_wait(&called);
    if (dlclose(module) != 0)
        return 1;
    report("after dlclose");
    sem_post(&closed);
    pthread_join(thread, NULL);
    report("after the caller's thread ended");
    dlclose(dlopen("./unrelated.so", RTLD_NOW | RTLD_LOCAL));
    report("after dlclose of another library");
}
C
rustc --edition 2024 --crate-type cdylib -O module.rs
gcc -O2 -fPIC -shared -o unrelated.so unrelated.c
gcc -O2 -pthread -o host host.c -ldl

rustc --version
ldd --version | sed -n 1p
seen=$(for function in plain spawns; do
    echo "$function"
    ./host "$function"
done)
echo "$seen"
[[ $seen == "plain
  after dlclose: unmapped
  after the caller's thread ended: unmapped
  after dlclose of another library: unmapped
spawns
  after dlclose: mapped
  after the caller's thread ended: mapped
  after dlclose of another library: unmapped" ]] || { echo "CHANGED"; exit 1; }
