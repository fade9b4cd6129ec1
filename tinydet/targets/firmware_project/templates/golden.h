/* What each operator computes on the built-in test image, in order of execution. */
#ifndef TD_GOLDEN_H
#define TD_GOLDEN_H

#include <stdint.h>

#define TD_NUM_GOLDEN @NUM_GOLDEN@

typedef struct {
    uint32_t crc32; /* of the whole output */
    uint32_t bytes; /* its size */
} td_golden;

extern const td_golden td_golden_outputs[TD_NUM_GOLDEN];

#endif
