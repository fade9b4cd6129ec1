/* DEPTHWISE_CONV_2D on interleaved rows: sums of some channels of one pixel, tap by tap. */
#include "td_depthwise_dsp.h"
#include "td_depthwise_mve.h"
#include "td_depthwise_transposed.h"
#include "td_tile.h"

enum { CHANNELS_AT_ONCE = 32, TAPS_3X3 = 9 };

/* The pixel under tap (i, j) of output pixel (y, x); zero points where it is outside the image. */
TD_INLINE const uint8_t *depthwise_tap(const td_depthwise_params *p, const uint8_t *input, int32_t y, int32_t x) {
    if (y < 0 || y >= p->input_height || x < 0 || x >= p->input_width) {
        return p->outside;
    }
    return input + ((ptrdiff_t)(y % p->input_ring) * p->input_width + x) * p->input_channels;
}

TD_INLINE int32_t depthwise_value(uint8_t bits, int is_unsigned) {
    return is_unsigned ? (int32_t)bits : (int32_t)(int8_t)bits;
}

TD_INLINE void depthwise_outputs(const td_depthwise_params *p, const int32_t *restrict sums, int32_t channel,
                                 int32_t count, int8_t *restrict output) {
    const int32_t offset = p->output_offset, low = p->output_min, high = p->output_max;
    TD_RARE_LOOP
    for (int32_t c = 0; c < count; c++) {
        const td_depthwise_factor *factor = &p->channel[channel + c];
        const td_requant requant = {(int32_t)((uint32_t)factor->twice_multiplier >> 1), -1 - factor->half_shift};
        output[c] = (int8_t)td_clamp(td_rescale(sums[c], requant) + offset, low, high);
    }
}

/* Output channels [begin, begin + count) of a pixel whose window starts at (y, x). */
TD_RARE void depthwise_channels(const td_depthwise_params *p, const uint8_t *input, int is_unsigned, int32_t y,
                                  int32_t x, int32_t begin, int32_t count, int8_t *output) {
    const int32_t channels = p->input_channels * p->depth_multiplier;
    int32_t sums[CHANNELS_AT_ONCE];
    TD_RARE_LOOP
    for (int32_t c = 0; c < count; c++) {
        sums[c] = p->channel[begin + c].bias;
    }
    const int8_t *w = p->weights + begin;
    TD_RARE_LOOP
    for (int32_t i = 0; i < p->filter_height; i++) {
        TD_RARE_LOOP
        for (int32_t j = 0; j < p->filter_width; j++, w += channels) {
            const uint8_t *in = depthwise_tap(p, input, y + i * p->dilation_height, x + j * p->dilation_width);
            if (p->depth_multiplier == 1) {
                TD_RARE_LOOP
                for (int32_t c = 0; c < count; c++) {
                    sums[c] += depthwise_value(in[begin + c], is_unsigned) * w[c];
                }
            } else {
                TD_RARE_LOOP
                for (int32_t c = 0; c < count; c++) {
                    sums[c] += depthwise_value(in[(begin + c) / p->depth_multiplier], is_unsigned) * w[c];
                }
            }
        }
    }
    depthwise_outputs(p, sums, begin, count, output + begin);
}

#if defined(TD_MVE)
/* One row by a 3x3 filter. */
static void depthwise_row_mve(const td_depthwise_params *p, const uint8_t *input, int32_t y, int8_t *output) {
    const int32_t channels = p->input_channels;
    const uint8_t *rows[3];
    depthwise_pixel_block block; /* no initialiser: compilers call memset */
    block.weights = p->weights;
    block.channels = channels;
    block.factors = p->channel;
    block.output_offset = p->output_offset;
    block.sixteens = channels / 16;
    for (int32_t i = 0; i < 3; i++) {
        const int32_t row = y + i * p->dilation_height;
        rows[i] = row < 0 || row >= p->input_height ? NULL : depthwise_tap(p, input, row, 0);
    }
    for (int32_t x = 0; x < p->output_width; x++, output += channels) {
        int32_t column = x * p->stride_width - p->pad_left;
        for (int32_t j = 0; j < 3; j++, column += p->dilation_width) {
            const int is_inside = column >= 0 && column < p->input_width;
            const ptrdiff_t at = (ptrdiff_t)column * channels;
            for (int32_t i = 0; i < 3; i++) {
                block.taps[3 * i + j] = (const int8_t *)(is_inside && rows[i] != NULL ? rows[i] + at : p->outside);
            }
        }
        depthwise_pixel_mve(p, &block, output);
    }
}
#elif defined(TD_DSP)
TD_INLINE int32_t depthwise_pixel_3x3(const td_depthwise_params *p, const uint8_t *input, int32_t y, int32_t x,
                                      int8_t *output) {
    const int8_t *taps[TAPS_3X3];
    for (int32_t tap = 0; tap < TAPS_3X3; tap++) {
        const int32_t tap_y = y + tap / 3 * p->dilation_height, tap_x = x + tap % 3 * p->dilation_width;
        taps[tap] = (const int8_t *)depthwise_tap(p, input, tap_y, tap_x);
    }
    return depthwise_fours_dsp(p, taps, output);
}
#endif

#if defined(TD_TILE) && !defined(TD_TILE_WASM)
/* Eight channels from `begin` on of one row, by a 3x3 filter. */
TD_INLINE void depthwise_tile_row(const td_depthwise_params *p, const uint8_t *input, int32_t y, int32_t begin,
                                  int8_t *output) {
    const int32_t channels = p->input_channels;
    int32_t biases[TD_TILE_CHANNELS], multipliers[TD_TILE_CHANNELS], shifts[TD_TILE_CHANNELS];
    tile_values weights[TAPS_3X3];
    for (int32_t c = 0; c < TD_TILE_CHANNELS; c++) {
        const td_depthwise_factor *factor = &p->channel[begin + c];
        biases[c] = factor->bias;
        multipliers[c] = (int32_t)((uint32_t)factor->twice_multiplier >> 1);
        shifts[c] = factor->half_shift + 1;
    }
    for (int32_t tap = 0; tap < TAPS_3X3; tap++) {
        weights[tap] = tile_load(p->weights + tap * channels + begin);
    }
    const tile_sums starts = tile_load_sums(biases), all_multipliers = tile_load_sums(multipliers);
    const tile_sums all_shifts = tile_load_sums(shifts);
    const int8_t *rows[3];
    for (int32_t i = 0; i < 3; i++) {
        const int32_t row = y + i * p->dilation_height;
        rows[i] = row < 0 || row >= p->input_height ? NULL : (const int8_t *)depthwise_tap(p, input, row, 0) + begin;
    }
    for (int32_t x = 0; x < p->output_width; x++) {
        tile_sums sums = starts;
        int32_t column = x * p->stride_width - p->pad_left;
        TD_UNROLL
        for (int32_t j = 0; j < 3; j++, column += p->dilation_width) {
            const int is_inside = column >= 0 && column < p->input_width;
            const ptrdiff_t at = (ptrdiff_t)column * channels;
            TD_UNROLL
            for (int32_t i = 0; i < 3; i++) {
                const int8_t *in = is_inside && rows[i] != NULL ? rows[i] + at : (const int8_t *)p->outside + begin;
                sums = tile_add_products(sums, tile_load(in), weights[3 * i + j]);
            }
        }
        const tile_values values = tile_rescale_channels(sums, all_multipliers, all_shifts, p->output_offset);
        tile_store(output + (ptrdiff_t)x * channels + begin, values);
    }
}
#endif

TD_INLINE void depthwise_pixel(const td_depthwise_params *p, const uint8_t *input, int is_unsigned, int32_t y,
                               int32_t x, int32_t begin, int8_t *output) {
    const int32_t channels = p->input_channels * p->depth_multiplier;
#if defined(TD_DSP) && !defined(TD_MVE)
    if (!is_unsigned && p->filter_height == 3 && p->filter_width == 3 && p->depth_multiplier == 1 &&
        p->rounding != TD_ROUND_ANY) {
        begin = depthwise_pixel_3x3(p, input, y, x, output);
    }
#endif
    for (; begin < channels; begin += CHANNELS_AT_ONCE) {
        const int32_t left = channels - begin;
        const int32_t count = left < CHANNELS_AT_ONCE ? left : CHANNELS_AT_ONCE;
        depthwise_channels(p, input, is_unsigned, y, x, begin, count, output);
    }
}

TD_INLINE void depthwise_rows(const td_depthwise_params *p, const uint8_t *input, int is_unsigned,
                              int8_t *output, int32_t y_begin, int32_t y_end) {
    const ptrdiff_t channels = (ptrdiff_t)p->input_channels * p->depth_multiplier;
    for (int32_t y = y_begin; y < y_end; y++) {
        int8_t *out = output + y % p->output_ring * p->output_width * channels;
        int32_t begin = 0;
#if defined(TD_MVE)
        if (!is_unsigned && p->filter_height == 3 && p->filter_width == 3 && p->depth_multiplier == 1 &&
            p->rounding != TD_ROUND_ANY) {
            depthwise_row_mve(p, input, y * p->stride_height - p->pad_top, out);
            continue;
        }
#elif defined(TD_DEPTHWISE_TRANSPOSED)
        if (!is_unsigned && depthwise_is_transposed(p)) {
            depthwise_row_transposed(p, (const int8_t *)input, y * p->stride_height - p->pad_top, out);
            continue;
        }
#elif defined(TD_TILE) && !defined(TD_TILE_WASM)
        if (!is_unsigned && p->filter_height == 3 && p->filter_width == 3 && p->depth_multiplier == 1 &&
            p->rounding != TD_ROUND_ANY) {
            for (; begin + TD_TILE_CHANNELS <= channels; begin += TD_TILE_CHANNELS) {
                depthwise_tile_row(p, input, y * p->stride_height - p->pad_top, begin, out);
            }
        }
#endif
        for (int32_t x = 0; x < p->output_width; x++, out += channels) {
            depthwise_pixel(p, input, is_unsigned, y * p->stride_height - p->pad_top,
                            x * p->stride_width - p->pad_left, begin, out);
        }
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
