/* Does this chip compute what the PC computed? Every operator's output on the built-in image is
 * compared by its CRC-32 with golden.c; then one inference is timed. */
#ifndef TD_SELF_TEST_H
#define TD_SELF_TEST_H

#include <stdint.h>

#include "td_boxes.h"

#define TD_SELF_TEST_MAGIC 0x54445354u
#define TD_SELF_TEST_PASSED 0
#define TD_SELF_TEST_FAILED 1

/* For a debugger that stops the program in td_finished(). */
typedef struct {
    uint32_t magic;               /* TD_SELF_TEST_MAGIC once all of it is there */
    int32_t status;
    int32_t first_bad_operator;   /* in order of execution; -1: none */
    uint32_t cycles;              /* of one inference, low 32 bits; 0: the core counts none */
    uint32_t stack_bytes;         /* deepest stack of one inference */
    int32_t num_detections;
    int32_t num_operators;        /* compared, with preprocessing and boxes */
    uint32_t cycles_high;
    const char *first_bad_name;   /* NULL: none, or an operator that did not run */
} td_self_test_report;

extern volatile td_self_test_report td_self_test_result;

/* Runs the self-test and prints the result. Returns 1 if everything is as on the PC, else 0. */
int32_t td_self_test(void *arena, td_detection *detections);

#endif
