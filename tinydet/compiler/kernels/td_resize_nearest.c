/* RESIZE_NEAREST_NEIGHBOR. */
#include "td_fixed_point.h"

void td_resize_nearest_s8(const td_resize_nearest_params *p, const int8_t *input, int8_t *output,
                          int32_t y_begin, int32_t y_end) {
    for (int32_t y = y_begin; y < y_end; y++) {
        const int8_t *row = input + (ptrdiff_t)(p->row_of[y] % p->input_ring) * p->input_width * p->channels;
        int8_t *out = output + (ptrdiff_t)(y % p->output_ring) * p->output_width * p->channels;
        for (int32_t x = 0; x < p->output_width; x++) {
            td_copy(row + (ptrdiff_t)p->column_of[x] * p->channels, out, p->channels);
            out += p->channels;
        }
    }
}
