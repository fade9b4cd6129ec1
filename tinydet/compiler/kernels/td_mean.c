/* MEAN over adjacent axes. */
#include "td_fixed_point.h"

void td_mean_s8(const td_mean_params *p, const int8_t *input, int8_t *output, int32_t outer_begin,
                int32_t outer_end) {
    for (int32_t outer = outer_begin; outer < outer_end; outer++) {
        const int8_t *block = input + (ptrdiff_t)outer * p->reduced * p->inner;
        for (int32_t c = 0; c < p->inner; c++) {
            int32_t sum = 0;
            for (int32_t i = 0; i < p->reduced; i++) {
                sum += block[(ptrdiff_t)i * p->inner + c] + p->input_offset;
            }
            const int32_t value = td_rescale(sum, p->requant) + p->output_offset;
            output[(ptrdiff_t)outer * p->inner + c] = (int8_t)td_clamp(value, -128, 127);
        }
    }
}
