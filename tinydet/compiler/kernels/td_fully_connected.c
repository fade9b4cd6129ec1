/* FULLY_CONNECTED. */
#include "td_fixed_point.h"

void td_fully_connected_s8(const td_fully_connected_params *p, const int8_t *input, int8_t *output,
                           int32_t row_begin, int32_t row_end) {
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *values = input + (ptrdiff_t)row * p->input_count;
        const int8_t *weights = p->weights;
        int8_t *results = output + (ptrdiff_t)row * p->output_count;
        for (int32_t o = 0; o < p->output_count; o++) {
            int32_t sum = p->bias != NULL ? p->bias[o] : 0;
            for (int32_t i = 0; i < p->input_count; i++) {
                sum += (values[i] + p->input_offset) * *weights++;
            }
            const int32_t value = td_rescale_once(sum, p->requant[o]) + p->output_offset;
            results[o] = (int8_t)td_clamp(value, p->output_min, p->output_max);
        }
    }
}
