/* Threads that work on parts of the same thing. */
#ifndef TD_THREADS_H
#define TD_THREADS_H

#define TD_MAX_THREADS 16

/* Part `part` of `parts`, which together are everything. */
typedef void (*td_part)(const void *context, int part, int parts);

/* Start so many threads, this one included; fewer where the system gives no more. Returns how many there are. */
int td_threads_start(int count);

/* How many there are; 1 before td_threads_start. */
int td_threads_count(void);

/* Do all parts, one in each thread, and return when they are done. */
void td_in_parallel(td_part work, const void *context);

/* There is work in some milliseconds: who sleeps had better wake up now. */
void td_threads_wake(void);

/* Processors that this process may use. */
int td_processors(void);

#endif
