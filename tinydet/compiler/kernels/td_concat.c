/* CONCATENATION, one input. */
#include "td_fixed_point.h"

void td_concat_s8(const td_concat_params *p, const int8_t *input, int8_t *output) {
    output += p->output_start;
    for (int32_t i = 0; i < p->outer; i++) {
        td_copy(input + (ptrdiff_t)i * p->input_run, output + (ptrdiff_t)i * p->output_run, p->input_run);
    }
}
