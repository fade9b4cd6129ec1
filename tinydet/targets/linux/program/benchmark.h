/* Timing of the model on this board. */
#ifndef TD_BENCHMARK_H
#define TD_BENCHMARK_H

#include "board_detector.h"

/* Run on one image again and again and print a JSON line for each run that counts: run,
 * network_ms (the network alone), image_ms (scaling the image, network, boxes); then one with
 * peak_memory_kib of the process.
 *
 * path:   image file; NULL: 640 x 480 pixels of noise
 * warmup: runs before those that count
 *
 * Returns 0, or -1 after a message on stderr. */
int td_benchmark(td_detector *detector, const char *path, int64_t warmup, int64_t runs);

#endif
