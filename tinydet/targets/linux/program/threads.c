#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>

/* A step of a network takes microseconds to milliseconds: who waits looks this often before it sleeps. */
#define LOOKS 10000

static struct {
    pthread_mutex_t lock;
    pthread_cond_t begun, done;
    td_part work;
    const void *context;
    atomic_uint round;   /* counts what was handed out */
    atomic_int working;  /* helpers that are not done */
    int count;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .begun = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER, .count = 1};

static void wait_for_round(unsigned last)
{
    for (int i = 0; i < LOOKS; i++) {
        if (atomic_load(&pool.round) != last) {
            return;
        }
    }
    (void)pthread_mutex_lock(&pool.lock);
    while (atomic_load(&pool.round) == last) {
        (void)pthread_cond_wait(&pool.begun, &pool.lock);
    }
    (void)pthread_mutex_unlock(&pool.lock);
}

static void *help(void *argument)
{
    const int part = (int)(ptrdiff_t)argument;
    for (unsigned round = 0;; round++) {
        wait_for_round(round);
        pool.work(pool.context, part, pool.count);
        if (atomic_fetch_sub(&pool.working, 1) == 1) {
            (void)pthread_mutex_lock(&pool.lock);
            (void)pthread_cond_signal(&pool.done);
            (void)pthread_mutex_unlock(&pool.lock);
        }
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
    atomic_store(&pool.working, pool.count - 1);
    (void)pthread_mutex_lock(&pool.lock);
    (void)atomic_fetch_add(&pool.round, 1);
    (void)pthread_cond_broadcast(&pool.begun);
    (void)pthread_mutex_unlock(&pool.lock);
    work(context, 0, pool.count);
    for (int i = 0; i < LOOKS; i++) {
        if (atomic_load(&pool.working) == 0) {
            return;
        }
    }
    (void)pthread_mutex_lock(&pool.lock);
    while (atomic_load(&pool.working) > 0) {
        (void)pthread_cond_wait(&pool.done, &pool.lock);
    }
    (void)pthread_mutex_unlock(&pool.lock);
}

int td_processors(void)
{
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
}
