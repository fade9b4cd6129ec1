/* Hands out many rounds and checks each: every part is done once, and nothing of it is missing when the call returns.
 * Arguments: threads, rounds. Some rounds come after a pause in which the helpers fall asleep. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "threads.h"

enum { PAUSE_EVERY = 1000, PAUSE_US = 8000, WORK = 1000 };

static int done[TD_MAX_THREADS]; /* plain: a part that two threads did, or a call that came back early, is a race */

static void count(const void *context, int part, int parts)
{
    for (volatile int i = 0; i < WORK; i++) { /* long enough that another thread comes for the next part */
    }
    done[part] += *(const int *)context + parts;
}

int main(int argument_count, char **arguments)
{
    const int wanted = argument_count > 2 ? atoi(arguments[1]) : 1;
    const int rounds = argument_count > 2 ? atoi(arguments[2]) : 1;
    const int threads = td_threads_start(wanted);
    int expected = 0;
    for (int round = 0; round < rounds; round++) {
        if (round % PAUSE_EVERY == PAUSE_EVERY / 2) {
            (void)usleep(PAUSE_US);
            td_threads_wake();
        }
        td_in_parallel(count, &round);
        expected += round + threads;
        for (int part = 0; part < threads; part++) {
            if (done[part] != expected) {
                printf("round %d: part %d\n", round, part);
                return 1;
            }
        }
    }
    printf("%d threads, %d rounds\n", threads, rounds);
    return 0;
}
