/* In place of threads.c: the parts of a step one after the other, a call of getppid() around each, so that the
 * instructions of each part are known. The last part is the first: none may need what one before it leaves. */
#include "threads.h"

#include <sys/syscall.h>
#include <unistd.h>

int td_threads_start(int count)
{
    (void)count;
    return THREADS;
}

int td_threads_count(void)
{
    return THREADS;
}

int td_processors(void)
{
    return THREADS;
}

void td_in_parallel(td_part work, const void *context)
{
    for (int part = THREADS - 1; part >= 0; part--) {
        (void)syscall(SYS_getppid);
        work(context, part, THREADS);
    }
    (void)syscall(SYS_getppid);
}
