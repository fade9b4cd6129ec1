#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define LINE 64       /* bytes of a cache line */
#define LOOKS 64      /* from one look at the clock to the next */
#define ALONE_US 50   /* so long who waits keeps its processor; then others may have it after each LOOKS */
#define AWAKE_US 5000 /* so long a helper waits until it sleeps: waking takes as long as many steps */
/* Who waits so much longer for a helper than its own part took does without helpers for a while: the processor that
 * the helper had is wanted elsewhere, and would be taken away from it again in the middle of a part. */
#define LATE_US 1000
#define WITHOUT_US 20000

/* What is going on, in one word that changes hands as seldom as can be: the round, how many of its parts were taken,
 * and how many of the taken ones helpers have done. A part is taken by whoever comes first: a helper that sleeps, or
 * has no processor, is not waited for, and the others do its part. */
#define ROUND(state) ((state) & 0xffff0000u)
#define TAKEN(state) ((int)((state) >> 8 & 0xffu))
#define DONE(state) ((int)((state) & 0xffu))
#define ONE_ROUND 0x10000u
#define ONE_TAKEN 0x100u
#define ONE_DONE 1u

static struct {
    _Alignas(LINE) atomic_uint state;
    td_part work; /* these change while no part is taken that is not done */
    const void *context;
    int count;
    int64_t without_until_us; /* of who hands out */
    _Alignas(LINE) atomic_int sleeping;
    atomic_int processor; /* that of who hands out */
    cpu_set_t allowed;
    pthread_mutex_t lock;
    pthread_cond_t begun;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .begun = PTHREAD_COND_INITIALIZER, .count = 1, .processor = -1};

typedef int (*condition)(unsigned state, unsigned of);

static int is_other_round(unsigned state, unsigned round)
{
    return ROUND(state) != round;
}

static int are_done(unsigned state, unsigned parts)
{
    return DONE(state) == (int)parts;
}

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

/* Two threads of one inference on one processor are slower than one. A scheduler that saves energy leaves them there
 * for some milliseconds: a helper goes by itself, and stays away. */
static void keep_off_that_of_who_hands_out(void)
{
    const int processor = atomic_load_explicit(&pool.processor, memory_order_relaxed);
    cpu_set_t others = pool.allowed;
    if (processor >= 0 && processor == sched_getcpu()) {
        CPU_CLR((size_t)processor, &others);
        if (CPU_COUNT(&others) > 0) {
            (void)sched_setaffinity(0, sizeof others, &others);
        }
    }
}

/* Waits, awake, for a state; 0: not within this time. */
static int comes(condition holds, unsigned of, int is_helper, int64_t limit_us)
{
    int64_t start = -1;
    for (;;) {
        for (int i = 0; i < LOOKS; i++) {
            if (holds(atomic_load_explicit(&pool.state, memory_order_acquire), of)) {
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
            if (is_helper) {
                keep_off_that_of_who_hands_out();
            }
            (void)sched_yield();
        }
    }
}

static void sleep_until_other_than(unsigned round)
{
    (void)pthread_mutex_lock(&pool.lock);
    for (;;) {
        atomic_store(&pool.sleeping, 1); /* then a last look; who hands out does it the other way round */
        if (ROUND(atomic_load(&pool.state)) != round) {
            break;
        }
        (void)pthread_cond_wait(&pool.begun, &pool.lock);
    }
    (void)pthread_mutex_unlock(&pool.lock);
    keep_off_that_of_who_hands_out();
}

/* Takes a part of the present round and does it; 0: none is left. */
static int do_part(unsigned told_when_done)
{
    unsigned state = atomic_load(&pool.state);
    do {
        /* the number of threads never changes once a part is there to take */
        if (TAKEN(state) == 0 || TAKEN(state) == pool.count) {
            return 0;
        }
    } while (!atomic_compare_exchange_weak(&pool.state, &state, state + ONE_TAKEN));
    pool.work(pool.context, TAKEN(state), pool.count);
    if (told_when_done != 0) {
        (void)atomic_fetch_add(&pool.state, told_when_done);
    }
    return 1;
}

static void *help(void *unused)
{
    unsigned round = 0;
    for (;;) {
        if (!comes(is_other_round, round, 1, AWAKE_US)) {
            sleep_until_other_than(round);
        }
        round = ROUND(atomic_load_explicit(&pool.state, memory_order_acquire));
        while (do_part(ONE_DONE)) {
        }
    }
    return unused;
}

int td_threads_start(int count)
{
    const int wanted = count < TD_MAX_THREADS ? count : TD_MAX_THREADS;
    if (sched_getaffinity(0, sizeof pool.allowed, &pool.allowed) != 0) {
        CPU_ZERO(&pool.allowed);
    }
    while (pool.count < wanted) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, help, NULL) != 0) {
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

static unsigned hand_out(td_part work, const void *context)
{
    pool.work = work;
    pool.context = context;
    const unsigned round = ROUND(atomic_load_explicit(&pool.state, memory_order_relaxed)) + ONE_ROUND;
    atomic_store(&pool.state, round + ONE_TAKEN);
    if (atomic_load(&pool.sleeping)) {
        (void)pthread_mutex_lock(&pool.lock);
        atomic_store(&pool.sleeping, 0);
        (void)pthread_cond_broadcast(&pool.begun);
        (void)pthread_mutex_unlock(&pool.lock);
    }
    work(context, 0, pool.count);
    unsigned by_others = (unsigned)pool.count - 1;
    while (do_part(0)) {
        by_others--;
    }
    return by_others;
}

void td_in_parallel(td_part work, const void *context)
{
    const int64_t start = pool.count == 1 ? 0 : microseconds();
    if (pool.count == 1 || start < pool.without_until_us) {
        work(context, 0, 1);
        return;
    }
    const unsigned by_others = hand_out(work, context);
    const int64_t own_us = microseconds() - start;
    if (!comes(are_done, by_others, 0, own_us + LATE_US)) {
        (void)comes(are_done, by_others, 0, INT64_MAX);
        pool.without_until_us = microseconds() + WITHOUT_US;
    }
}

static void nothing(const void *context, int part, int parts)
{
    (void)context, (void)part, (void)parts;
}

void td_threads_wake(void)
{
    atomic_store_explicit(&pool.processor, sched_getcpu(), memory_order_relaxed);
    td_in_parallel(nothing, NULL);
}

int td_processors(void)
{
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
}
