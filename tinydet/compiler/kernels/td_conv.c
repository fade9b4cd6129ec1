/* CONV_2D. */
#include "td_fixed_point.h"

/* What one output pixel sees: rows x taps runs of `run` adjacent values, in the input and in the weights of
 * one output channel. Without horizontal dilation the taps of a row are adjacent, and are one run. */
typedef struct {
    const uint8_t *input; /* row 0 of the ring, at the first column */
    const int8_t *weights;
    int32_t rows, taps, run, first_y, row_step, ring;
    ptrdiff_t input_row, input_tap, weight_row, weight_tap; /* distances */
} conv_window;

TD_INLINE conv_window conv_window_at(const td_conv_params *p, const uint8_t *input, td_taps rows, int32_t y,
                                     int32_t x) {
    const int32_t x_start = x * p->stride_width - p->pad_left;
    const td_taps columns = td_taps_inside(x_start, p->input_width, p->filter_width, p->dilation_width);
    const ptrdiff_t channels = p->input_channels;
    conv_window w;
    w.rows = columns.end > columns.begin ? rows.end - rows.begin : 0;
    w.input_row = p->input_width * channels;
    w.row_step = p->dilation_height;
    w.ring = p->input_ring;
    w.first_y = 0;
    w.input_tap = p->dilation_width * channels;
    w.weight_row = p->filter_width * channels;
    w.weight_tap = channels;
    w.input = input;
    w.weights = p->weights;
    if (w.rows > 0) {
        w.first_y = y * p->stride_height - p->pad_top + rows.begin * p->dilation_height;
        const int32_t first_x = x_start + columns.begin * p->dilation_width;
        w.input += first_x * channels;
        w.weights += ((ptrdiff_t)rows.begin * p->filter_width + columns.begin) * channels;
    }
    if (p->dilation_width == 1) {
        w.taps = 1;
        w.run = (columns.end - columns.begin) * p->input_channels;
    } else {
        w.taps = columns.end - columns.begin;
        w.run = p->input_channels;
    }
    return w;
}

TD_INLINE int32_t conv_input_value(uint8_t bits, int is_unsigned) {
    return is_unsigned ? (int32_t)bits : (int32_t)(int8_t)bits;
}

/* Sums of `lanes` (1 or 4) output channels at once, which share every load of an input value. */
TD_INLINE void conv_sum(const conv_window *w, ptrdiff_t channel, ptrdiff_t channel_size, int32_t offset,
                        int is_unsigned, int lanes, int32_t sums[4]) {
    const int8_t *weights = w->weights + channel * channel_size;
    int32_t sum_0 = sums[0], sum_1 = sums[1], sum_2 = sums[2], sum_3 = sums[3];
    for (int32_t i = 0; i < w->rows; i++) {
        const ptrdiff_t row = (w->first_y + i * w->row_step) % w->ring;
        for (int32_t j = 0; j < w->taps; j++) {
            const uint8_t *in = w->input + row * w->input_row + j * w->input_tap;
            const uint8_t *end = in + w->run;
            const int8_t *w_0 = weights + i * w->weight_row + j * w->weight_tap;
            const int8_t *w_1 = w_0 + (lanes > 1 ? channel_size : 0);
            const int8_t *w_2 = w_1 + (lanes > 1 ? channel_size : 0);
            const int8_t *w_3 = w_2 + (lanes > 1 ? channel_size : 0);
            while (in < end) {
                const int32_t value = conv_input_value(*in++, is_unsigned) + offset;
                sum_0 += value * *w_0++;
                if (lanes > 1) {
                    sum_1 += value * *w_1++;
                    sum_2 += value * *w_2++;
                    sum_3 += value * *w_3++;
                }
            }
        }
    }
    sums[0] = sum_0;
    sums[1] = sum_1;
    sums[2] = sum_2;
    sums[3] = sum_3;
}

TD_INLINE int8_t conv_output_value(const td_conv_params *p, int32_t sum, int32_t channel) {
    const int32_t value = td_rescale(sum, p->requant[channel]) + p->output_offset;
    return (int8_t)td_clamp(value, p->output_min, p->output_max);
}

TD_INLINE void conv_pixel(const td_conv_params *p, const conv_window *w, int is_unsigned, int8_t *output) {
    const ptrdiff_t channel_size = (ptrdiff_t)p->filter_height * p->filter_width * p->input_channels;
    const int32_t offset = p->input_offset;
    int32_t channel = 0;
    for (; channel + 4 <= p->output_channels; channel += 4) {
        int32_t sums[4] = {0, 0, 0, 0};
        if (p->bias != NULL) {
            for (int k = 0; k < 4; k++) {
                sums[k] = p->bias[channel + k];
            }
        }
        conv_sum(w, channel, channel_size, offset, is_unsigned, 4, sums);
        for (int k = 0; k < 4; k++) {
            output[channel + k] = conv_output_value(p, sums[k], channel + k);
        }
    }
    for (; channel < p->output_channels; channel++) {
        int32_t sums[4] = {p->bias != NULL ? p->bias[channel] : 0, 0, 0, 0};
        conv_sum(w, channel, channel_size, offset, is_unsigned, 1, sums);
        output[channel] = conv_output_value(p, sums[0], channel);
    }
}

TD_INLINE void conv_rows(const td_conv_params *p, const uint8_t *input, int is_unsigned, int8_t *output,
                         int32_t y_begin, int32_t y_end) {
    for (int32_t y = y_begin; y < y_end; y++) {
        const td_taps rows = td_taps_inside(y * p->stride_height - p->pad_top, p->input_height,
                                            p->filter_height, p->dilation_height);
        int8_t *out = output + (ptrdiff_t)(y % p->output_ring) * p->output_width * p->output_channels;
        for (int32_t x = 0; x < p->output_width; x++) {
            const conv_window window = conv_window_at(p, input, rows, y, x);
            conv_pixel(p, &window, is_unsigned, out);
            out += p->output_channels;
        }
    }
}

void td_conv_s8(const td_conv_params *p, const int8_t *input, int8_t *output, void *scratch, int32_t y_begin,
                int32_t y_end) {
    (void)scratch;
    conv_rows(p, (const uint8_t *)input, 0, output, y_begin, y_end);
}

void td_conv_u8(const td_conv_params *p, const uint8_t *input, int8_t *output, void *scratch, int32_t y_begin,
                int32_t y_end) {
    (void)scratch;
    conv_rows(p, input, 1, output, y_begin, y_end);
}
