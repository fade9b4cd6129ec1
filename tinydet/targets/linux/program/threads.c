#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define LINE 64       /* bytes of a cache line; what two threads write at a time lies in different ones */
#define LOOKS 64      /* from one look at the clock to the next */
#define ALONE_US 50   /* so long who waits keeps its processor; then others may have it after each LOOKS */
#define AWAKE_US 2000 /* so long a helper waits until it sleeps: to wake it takes as long as many steps */

/* Each part of a round is taken once, by whoever comes first: a helper that sleeps, or has no processor, is not waited
 * for, and what it would have done the others do. A thread begins with its own part, of which it has in its cache what
 * it left there in the step before. */
typedef struct {
    _Alignas(LINE) atomic_uint round; /* the last one in which it was taken */
} part_of_round;

static struct {
    _Alignas(LINE) atomic_uint round; /* counts what was handed out */
    td_part work;                     /* written while no part is in work */
    const void *context;
    int count;
    _Alignas(LINE) atomic_uint done; /* parts of this round, by helpers */
    _Alignas(LINE) atomic_int sleeping;
    pthread_mutex_t lock;
    pthread_cond_t begun;
    part_of_round parts[TD_MAX_THREADS];
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .begun = PTHREAD_COND_INITIALIZER, .count = 1};

/* Some cycles without work, which a core with two threads in hardware gives to the other one. */
static void rest(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
    __asm__ volatile("yield");
#endif
}

static int64_t microseconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Waits, awake, until it is (1) or is no longer (0) this value, but no longer than so; 0: in vain. */
static int becomes(atomic_uint *where, unsigned value, int is, int64_t limit_us)
{
    int64_t start = -1;
    for (;;) {
        for (int i = 0; i < LOOKS; i++) {
            if ((atomic_load_explicit(where, memory_order_acquire) == value) == is) {
                return 1;
            }
            rest();
        }
        const int64_t now = microseconds();
        start = start < 0 ? now : start;
        if (now - start > limit_us) {
            return 0;
        }
        if (now - start > ALONE_US) {
            (void)sched_yield();
        }
    }
}

/* Takes and does what parts it can, its own first; returns how many. Each is told at once. */
static unsigned do_parts(int own, unsigned round, atomic_uint *done)
{
    unsigned taken = 0;
    for (int i = 0; i < pool.count; i++) {
        const int part = (own + i) % pool.count;
        unsigned before = round - 1;
        if (atomic_compare_exchange_strong(&pool.parts[part].round, &before, round)) {
            pool.work(pool.context, part, pool.count);
            taken++;
            if (done != NULL) {
                (void)atomic_fetch_add_explicit(done, 1, memory_order_release);
            }
        }
    }
    return taken;
}

static void sleep_until_other_than(unsigned round)
{
    (void)pthread_mutex_lock(&pool.lock);
    for (;;) {
        atomic_store(&pool.sleeping, 1); /* first this, then a last look: who hands out does it the other way round */
        if (atomic_load(&pool.round) != round) {
            break;
        }
        (void)pthread_cond_wait(&pool.begun, &pool.lock);
    }
    (void)pthread_mutex_unlock(&pool.lock);
}

static void *help(void *argument)
{
    const int own = (int)(ptrdiff_t)argument;
    unsigned round = 0;
    for (;;) {
        if (!becomes(&pool.round, round, 0, AWAKE_US)) {
            sleep_until_other_than(round);
        }
        round = atomic_load_explicit(&pool.round, memory_order_acquire);
        (void)do_parts(own, round, &pool.done);
    }
    return NULL;
}

int td_threads_start(int count)
{
    const int wanted = count < TD_MAX_THREADS ? count : TD_MAX_THREADS;
    while (pool.count < wanted) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, help, (void *)(ptrdiff_t)pool.count) != 0) {
            break;
        }
        (void)pthread_detach(thread); /* they end with the process */
        pool.count++;
    }
    return pool.count;
}

int td_threads_count(void)
{
    return pool.count;
}

void td_in_parallel(td_part work, const void *context)
{
    if (pool.count == 1) {
        work(context, 0, 1);
        return;
    }
    pool.work = work;
    pool.context = context;
    atomic_store_explicit(&pool.done, 0, memory_order_relaxed);
    const unsigned round = atomic_fetch_add(&pool.round, 1) + 1;
    if (atomic_load(&pool.sleeping)) {
        (void)pthread_mutex_lock(&pool.lock);
        atomic_store(&pool.sleeping, 0);
        (void)pthread_cond_broadcast(&pool.begun);
        (void)pthread_mutex_unlock(&pool.lock);
    }
    const unsigned own = do_parts(0, round, NULL);
    (void)becomes(&pool.done, (unsigned)pool.count - own, 1, INT64_MAX);
}

int td_processors(void)
{
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
}
