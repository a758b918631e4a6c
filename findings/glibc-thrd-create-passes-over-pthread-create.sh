#!/usr/bin/env bash
# FACT      A program that replaces `pthread_create` sees the threads of `pthread_create`, and not
#           those of C11's `thrd_create`.
# SEEN WITH glibc 2.36 (Debian 2.36-9+deb12u14), gcc 12.2.0
# EXPECTED  The standards make no promise here. But a `thrd_t` is a `pthread_t` in glibc, and tools
#           that watch threads replace `pthread_create`, and take that for the one door to a thread.
# SEEN      Both calls start a thread. The replacement is called for the first one only.
# WHY       `thrd_create` calls the internal `__pthread_create` directly (glibc 2.36,
#           sysdeps/pthread/thrd_create.c). No dynamic symbol is involved.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > program.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <threads.h>

static int seen;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                   void *(*routine)(void *), void *argument) {
    int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    *(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
    seen++;
    return next(thread, attributes, routine, argument);
}

static void *posix(void *ran) {
    *(int *)ran = 1;
    return NULL;
}

static int c11(void *ran) {
    *(int *)ran = 1;
    return 0;
}

int main(void) {
    pthread_t one;
    thrd_t other;
    int ran = 0;
    pthread_create(&one, NULL, posix, &ran);
    pthread_join(one, NULL);
    printf("pthread_create: ran %d, seen %d\n", ran, seen);
    ran = seen = 0;
    thrd_create(&other, c11, &ran);
    thrd_join(other, NULL);
    printf("thrd_create: ran %d, seen %d\n", ran, seen);
}
C
gcc -rdynamic -o program program.c

ldd --version | head -n 1
gcc --version | head -n 1
./program | tee seen
printf 'pthread_create: ran 1, seen 1\nthrd_create: ran 1, seen 0\n' > expected
cmp -s seen expected || { echo "CHANGED"; exit 1; }
