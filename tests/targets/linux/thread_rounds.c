/* Hands out many rounds and checks each: every item is done once, and none is missing when the call returns.
 * Arguments: threads, rounds. Some rounds come after a pause in which the helpers fall asleep. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "threads.h"

enum { PAUSE_EVERY = 1000, PAUSE_US = 8000, ITEMS = 112, WORK = 10 };

static int done[ITEMS]; /* plain: an item that two threads did, or a call that came back early, is a race */

static void count(const void *context, int part, int parts)
{
    for (int item = ITEMS * part / parts; item < ITEMS * (part + 1) / parts; item++) {
        for (volatile int i = 0; i < WORK; i++) { /* long enough that another thread comes for the next part */
        }
        done[item] += *(const int *)context;
    }
}

int main(int argument_count, char **arguments)
{
    const int wanted = argument_count > 2 ? atoi(arguments[1]) : 1;
    const int rounds = argument_count > 2 ? atoi(arguments[2]) : 1; /* below 65536: sums fit */
    const int threads = td_threads_start(wanted);
    int expected = 0; /* sum of the rounds, as what each item holds */
    for (int round = 0; round < rounds; round++) {
        if (round % PAUSE_EVERY == PAUSE_EVERY / 2) {
            (void)usleep(PAUSE_US);
            td_threads_wake();
        }
        td_in_parallel(count, &round);
        expected += round;
        for (int item = 0; item < ITEMS; item++) {
            if (done[item] != expected) {
                printf("round %d: item %d\n", round, item);
                return 1;
            }
        }
    }
    printf("%d threads, %d rounds\n", threads, rounds);
    return 0;
}
