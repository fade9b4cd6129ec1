/* PAD, PADV2. */
#include "td_fixed_point.h"

void td_pad_s8(const td_pad_params *p, const int8_t *input, int8_t *output, int32_t y_begin, int32_t y_end) {
    const int32_t channels = p->before[2] + p->input_channels + p->after[2];
    const int32_t row = (p->before[1] + p->input_width + p->after[1]) * channels;
    const int8_t value = (int8_t)p->value;
    for (int32_t y = y_begin; y < y_end; y++) {
        const int32_t input_y = y - p->before[0];
        int8_t *out = output + (ptrdiff_t)(y % p->output_ring) * row;
        if (input_y < 0 || input_y >= p->input_height) {
            td_fill(value, out, row);
            continue;
        }
        const int8_t *in = input + (ptrdiff_t)(input_y % p->input_ring) * p->input_width * p->input_channels;
        td_fill(value, out, p->before[1] * channels);
        out += p->before[1] * channels;
        for (int32_t x = 0; x < p->input_width; x++) {
            td_fill(value, out, p->before[2]);
            td_copy(in, out + p->before[2], p->input_channels);
            td_fill(value, out + p->before[2] + p->input_channels, p->after[2]);
            in += p->input_channels;
            out += channels;
        }
        td_fill(value, out, p->after[1] * channels);
    }
}
