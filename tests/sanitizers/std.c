/* What ThreadSanitizer must be told of std, which comes compiled without it.
 *
 * A lock is released, and taken when nobody else has it, by inline code, which is instrumented. It is
 * taken under contention, waited for with a condition variable, and a `Once` is completed, by compiled
 * code; so are the ends of a `Barrier` and of a scope's threads. The linker (`--wrap`) leads calls of these functions here; the names are macros that
 * `src/sanitizer.rs` sets. Rust promises no calling convention, but has none other for words. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

void __tsan_acquire(void *);
void __tsan_release(void *);

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define REAL(name) JOIN(__real_, name)
#define WRAP(name) JOIN(__wrap_, name)
/* A program that does not use the function has none. */
#define REALLY __attribute__((weak))

#define TAKES(name)                   \
    REALLY void REAL(name)(void *lock); \
    void WRAP(name)(void *lock) {     \
        REAL(name)(lock);             \
        __tsan_acquire(lock);         \
    }
TAKES(MUTEX_LOCK)
TAKES(RWLOCK_READ)
TAKES(RWLOCK_WRITE)

REALLY void REAL(CONDVAR_WAIT)(void *condvar, void *mutex);
void WRAP(CONDVAR_WAIT)(void *condvar, void *mutex) {
    __tsan_release(mutex);
    REAL(CONDVAR_WAIT)(condvar, mutex);
    __tsan_acquire(mutex);
}

REALLY bool REAL(CONDVAR_WAIT_TIMEOUT)(void *condvar, void *mutex, uint64_t seconds, uint32_t nanos);
bool WRAP(CONDVAR_WAIT_TIMEOUT)(void *condvar, void *mutex, uint64_t seconds, uint32_t nanos) {
    __tsan_release(mutex);
    bool in_time = REAL(CONDVAR_WAIT_TIMEOUT)(condvar, mutex, seconds, nanos);
    __tsan_acquire(mutex);
    return in_time;
}

/* `&self, bool, &mut dyn FnMut`, and where it was called. */
REALLY void REAL(ONCE_CALL)(void *once, uintptr_t poisoned, void *data, void *vtable, void *location);
void WRAP(ONCE_CALL)(void *once, uintptr_t poisoned, void *data, void *vtable, void *location) {
    REAL(ONCE_CALL)(once, poisoned, data, vtable, location);
    __tsan_release(once);
    __tsan_acquire(once);
}

REALLY bool REAL(BARRIER_WAIT)(void *barrier);
bool WRAP(BARRIER_WAIT)(void *barrier) {
    __tsan_release(barrier);
    bool leads = REAL(BARRIER_WAIT)(barrier);
    __tsan_acquire(barrier);
    return leads;
}

/* The count is one of the first words; the waiting side loads it by inline code. */
REALLY void REAL(SCOPE_LEAVE)(void **scope, bool panicked);
void WRAP(SCOPE_LEAVE)(void **scope, bool panicked) {
    for (int word = 0; word < 3; word++)
        __tsan_release(scope + word);
    REAL(SCOPE_LEAVE)(scope, panicked);
}

/* The last owner of an `Arc` counts down, then issues a fence, which ThreadSanitizer does not know
 * (std has a load in its place where it is built for it): the fence is for the count. */
static __thread void *last_count;

uint64_t __tsan_atomic64_fetch_add(volatile uint64_t *at, uint64_t by, int order);
uint64_t __wrap___tsan_atomic64_fetch_sub(volatile uint64_t *at, uint64_t by, int order) {
    last_count = (void *)at;
    return __tsan_atomic64_fetch_add(at, -by, order);
}

/* `Arc::try_unwrap` counts down by a comparison. */
uint64_t __real___tsan_atomic64_compare_exchange_val(volatile uint64_t *at, uint64_t from, uint64_t to,
                                                     int order, int otherwise);
uint64_t __wrap___tsan_atomic64_compare_exchange_val(volatile uint64_t *at, uint64_t from, uint64_t to,
                                                     int order, int otherwise) {
    last_count = (void *)at;
    return __real___tsan_atomic64_compare_exchange_val(at, from, to, order, otherwise);
}

void __wrap___tsan_atomic_thread_fence(int order) {
    (void)order;
    __sync_synchronize();
    if (last_count)
        __tsan_acquire(last_count);
}

/* mio registers with a duplicate of the descriptor that it waits on; ThreadSanitizer takes the two for
 * different queues. All images must name one address: that of a stream will do. */
int __wrap_epoll_ctl(int queue, int what, int file, struct epoll_event *event) {
    __tsan_release(stdout);
    return (int)syscall(SYS_epoll_ctl, queue, what, file, event);
}

int __wrap_epoll_wait(int queue, struct epoll_event *events, int room, int timeout) {
    int count = epoll_pwait(queue, events, room, timeout, NULL);
    __tsan_acquire(stdout);
    return count;
}
