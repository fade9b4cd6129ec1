/* MUL. */
#include "td_fixed_point.h"

void td_mul_s8(const td_mul_params *p, const int8_t *a, const int8_t *b, int8_t *output, int32_t y_begin,
               int32_t y_end) {
    const td_pair_walk *walk = &p->walk;
    const ptrdiff_t output_row = (ptrdiff_t)walk->shape[1] * walk->shape[2];
    for (int32_t y = y_begin; y < y_end; y++) {
        const int8_t *a_row = a + (ptrdiff_t)(y % walk->a_ring) * walk->a_stride[0];
        const int8_t *b_row = b + (ptrdiff_t)(y % walk->b_ring) * walk->b_stride[0];
        int8_t *out = output + (y % walk->output_ring) * output_row;
        for (int32_t x = 0; x < walk->shape[1]; x++) {
            const int8_t *a_run = a_row + (ptrdiff_t)x * walk->a_stride[1];
            const int8_t *b_run = b_row + (ptrdiff_t)x * walk->b_stride[1];
            for (int32_t c = 0; c < walk->shape[2]; c++) {
                const int32_t product = (a_run[(ptrdiff_t)c * walk->a_stride[2]] + p->a_offset) *
                                        (b_run[(ptrdiff_t)c * walk->b_stride[2]] + p->b_offset);
                const int32_t value = td_rescale(product, p->output_requant) + p->output_offset;
                *out++ = (int8_t)td_clamp(value, p->output_min, p->output_max);
            }
        }
    }
}
