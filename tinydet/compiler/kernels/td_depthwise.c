/* DEPTHWISE_CONV_2D. */
#include "td_fixed_point.h"

TD_INLINE int32_t depthwise_input_value(uint8_t bits, int is_unsigned) {
    return is_unsigned ? (int32_t)bits : (int32_t)(int8_t)bits;
}

TD_INLINE int8_t depthwise_output_value(const td_depthwise_params *p, int32_t sum, int32_t channel) {
    const int32_t value = td_rescale(sum, p->requant[channel]) + p->output_offset;
    return (int8_t)td_clamp(value, p->output_min, p->output_max);
}

/* One output pixel by any filter; `input` is at the first column inside the image. */
TD_INLINE void depthwise_pixel(const td_depthwise_params *p, const uint8_t *input, int32_t first_y,
                               td_taps rows, td_taps columns, int is_unsigned, int8_t *output) {
    const ptrdiff_t channels = p->input_channels;
    const ptrdiff_t filter_tap = channels * p->depth_multiplier;
    const ptrdiff_t input_row = p->input_width * channels;
    const ptrdiff_t input_tap = p->dilation_width * channels;
    const int8_t *weights = p->weights + (rows.begin * p->filter_width + columns.begin) * filter_tap;
    int32_t channel = 0;
    for (int32_t c = 0; c < p->input_channels; c++) {
        for (int32_t m = 0; m < p->depth_multiplier; m++, channel++) {
            int32_t sum = p->bias != NULL ? p->bias[channel] : 0;
            for (int32_t i = 0; i < rows.end - rows.begin; i++) {
                const int32_t slot = (first_y + i * p->dilation_height) % p->input_ring;
                const uint8_t *in = input + slot * input_row + c;
                const int8_t *w = weights + i * p->filter_width * filter_tap + channel;
                for (int32_t j = columns.begin; j < columns.end; j++) {
                    sum += (depthwise_input_value(*in, is_unsigned) + p->input_offset) * *w;
                    in += input_tap;
                    w += filter_tap;
                }
            }
            output[channel] = depthwise_output_value(p, sum, channel);
        }
    }
}

/* One row of three adjacent taps. */
TD_INLINE int32_t depthwise_sum_3(const uint8_t *in, const int8_t *w, ptrdiff_t channels, int32_t offset,
                                  int is_unsigned) {
    return (depthwise_input_value(in[0], is_unsigned) + offset) * w[0] +
           (depthwise_input_value(in[channels], is_unsigned) + offset) * w[channels] +
           (depthwise_input_value(in[2 * channels], is_unsigned) + offset) * w[2 * channels];
}

/* One output pixel by a whole 3x3 filter without dilation or multiplier: most of a network's depthwise work. */
TD_INLINE void depthwise_pixel_3x3(const td_depthwise_params *p, const uint8_t *const rows[3], int is_unsigned,
                                   int8_t *output) {
    const ptrdiff_t channels = p->input_channels;
    const int32_t offset = p->input_offset;
    const uint8_t *in_0 = rows[0], *in_1 = rows[1], *in_2 = rows[2];
    const int8_t *w_0 = p->weights, *w_1 = w_0 + 3 * channels, *w_2 = w_1 + 3 * channels;
    for (int32_t c = 0; c < p->input_channels; c++) {
        int32_t sum = p->bias != NULL ? p->bias[c] : 0;
        sum += depthwise_sum_3(in_0++, w_0++, channels, offset, is_unsigned);
        sum += depthwise_sum_3(in_1++, w_1++, channels, offset, is_unsigned);
        sum += depthwise_sum_3(in_2++, w_2++, channels, offset, is_unsigned);
        output[c] = depthwise_output_value(p, sum, c);
    }
}

TD_INLINE int depthwise_is_plain_3x3(const td_depthwise_params *p) {
    return p->filter_height == 3 && p->filter_width == 3 && p->dilation_height == 1 &&
           p->dilation_width == 1 && p->depth_multiplier == 1;
}

TD_INLINE void depthwise_row(const td_depthwise_params *p, const uint8_t *input, int is_unsigned,
                             int8_t *output, int32_t y) {
    const ptrdiff_t output_channels = (ptrdiff_t)p->input_channels * p->depth_multiplier;
    const ptrdiff_t input_row = (ptrdiff_t)p->input_width * p->input_channels;
    const int is_plain_3x3 = depthwise_is_plain_3x3(p);
    const int32_t y_start = y * p->stride_height - p->pad_top;
    const td_taps rows = td_taps_inside(y_start, p->input_height, p->filter_height, p->dilation_height);
    const int32_t first_y = y_start + rows.begin * p->dilation_height;
    for (int32_t x = 0; x < p->output_width; x++) {
        const int32_t x_start = x * p->stride_width - p->pad_left;
        td_taps columns = td_taps_inside(x_start, p->input_width, p->filter_width, p->dilation_width);
        const int32_t first_x = x_start + columns.begin * p->dilation_width;
        const int32_t taps = (rows.end - rows.begin) * (columns.end - columns.begin);
        /* A window outside the image reads nothing: stay inside the buffer. */
        const uint8_t *in = input + (taps > 0 ? (ptrdiff_t)first_x * p->input_channels : 0);
        if (taps == 9 && is_plain_3x3) {
            const uint8_t *const in_rows[3] = {in + first_y % p->input_ring * input_row,
                                               in + (first_y + 1) % p->input_ring * input_row,
                                               in + (first_y + 2) % p->input_ring * input_row};
            depthwise_pixel_3x3(p, in_rows, is_unsigned, output);
        } else {
            depthwise_pixel(p, in, first_y, rows, columns, is_unsigned, output);
        }
        output += output_channels;
    }
}

TD_INLINE void depthwise_rows(const td_depthwise_params *p, const uint8_t *input, int is_unsigned,
                              int8_t *output, int32_t y_begin, int32_t y_end) {
    const ptrdiff_t output_row = (ptrdiff_t)p->output_width * p->input_channels * p->depth_multiplier;
    for (int32_t y = y_begin; y < y_end; y++) {
        depthwise_row(p, input, is_unsigned, output + y % p->output_ring * output_row, y);
    }
}

void td_depthwise_s8(const td_depthwise_params *p, const int8_t *input, int8_t *output, int32_t y_begin,
                     int32_t y_end) {
    depthwise_rows(p, (const uint8_t *)input, 0, output, y_begin, y_end);
}

void td_depthwise_u8(const td_depthwise_params *p, const uint8_t *input, int8_t *output, int32_t y_begin,
                     int32_t y_end) {
    depthwise_rows(p, input, 1, output, y_begin, y_end);
}
