/* MAX_POOL_2D. */
#include "td_fixed_point.h"

void td_max_pool_s8(const td_pool_params *p, const int8_t *input, int8_t *output, int32_t y_begin,
                    int32_t y_end) {
    const ptrdiff_t output_row = (ptrdiff_t)p->output_width * p->channels;
    for (int32_t y = y_begin; y < y_end; y++) {
        const int32_t y_start = y * p->stride_height - p->pad_top;
        const td_taps rows = td_taps_inside(y_start, p->input_height, p->filter_height, 1);
        int8_t *out = output + (y % p->output_ring) * output_row;
        for (int32_t x = 0; x < p->output_width; x++) {
            const int32_t x_start = x * p->stride_width - p->pad_left;
            const td_taps columns = td_taps_inside(x_start, p->input_width, p->filter_width, 1);
            for (int32_t c = 0; c < p->channels; c++) {
                int32_t largest = -128;
                for (int32_t i = rows.begin; i < rows.end; i++) {
                    const int32_t slot = (y_start + i) % p->input_ring;
                    const ptrdiff_t row = (ptrdiff_t)slot * p->input_width + x_start;
                    for (int32_t j = columns.begin; j < columns.end; j++) {
                        const int32_t value = input[(row + j) * p->channels + c];
                        largest = value > largest ? value : largest;
                    }
                }
                *out++ = (int8_t)td_clamp(largest, p->output_min, p->output_max);
            }
        }
    }
}
