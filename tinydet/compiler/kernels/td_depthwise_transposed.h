/* td_depthwise_transposed.h: td_depthwise.c on processors that begin one instruction a cycle and have DSP instructions
 * (Cortex-M4, M33), for 3x3 filters. Not for callers.
 *
 * Four channels at a time are brought into planar rows on the stack, for the faster form of td_depthwise_planar.h. */
#ifndef TD_DEPTHWISE_TRANSPOSED_H
#define TD_DEPTHWISE_TRANSPOSED_H

#include "td_arena.h"
#include "td_dsp.h"

#if defined(TD_DSP) && !defined(TD_MVE) && !defined(TD_CORTEX_M7)
#define TD_DEPTHWISE_TRANSPOSED 1
#define TD_PLANAR_SHIFTED_1_ALONE 1
#include "td_depthwise_planar.h"

enum {
    TRANSPOSED_PIXELS = 32, /* of a row at most */
    TRANSPOSED_START = 4,   /* where the first pixel lies; the zero points around a row take a byte each */
    TRANSPOSED_BYTES = TRANSPOSED_START + TRANSPOSED_PIXELS + 4
};

typedef struct {
    int8_t rows[3][4][TRANSPOSED_BYTES]; /* 4-byte aligned */
    int8_t outside[TRANSPOSED_BYTES];
    td_depthwise_channel channels[4];
} depthwise_transposed;

typedef uint32_t TD_MAY_ALIAS depthwise_word_at __attribute__((aligned(1))); /* anywhere */

/* Byte k of four words, `from_step` bytes apart or a last one that is given, to word k. */
TD_INLINE void depthwise_transpose_4(const int8_t *from, ptrdiff_t from_step, uint32_t last, int8_t *to,
                                     ptrdiff_t to_step) {
    const uint32_t even = UINT32_C(0x00FF00FF), odd = UINT32_C(0xFF00FF00);
    const uint32_t a = *(const depthwise_word_at *)(const void *)from;
    const uint32_t b = *(const depthwise_word_at *)(const void *)(from + from_step);
    const uint32_t c = *(const depthwise_word_at *)(const void *)(from + 2 * from_step);
    const uint32_t ab_02 = (a & even) | (b & even) << 8, ab_13 = ((a >> 8) & even) | (b & odd);
    const uint32_t cd_02 = (c & even) | (last & even) << 8, cd_13 = ((c >> 8) & even) | (last & odd);
    *(depthwise_word_at *)(void *)to = (ab_02 & 0xFFFF) | cd_02 << 16;
    *(depthwise_word_at *)(void *)(to + to_step) = (ab_13 & 0xFFFF) | cd_13 << 16;
    *(depthwise_word_at *)(void *)(to + 2 * to_step) = ab_02 >> 16 | (cd_02 >> 16) << 16;
    *(depthwise_word_at *)(void *)(to + 3 * to_step) = ab_13 >> 16 | (cd_13 >> 16) << 16;
}

/* Whether a convolution goes this way. */
TD_INLINE int depthwise_is_transposed(const td_depthwise_params *p) {
    return p->filter_height == 3 && p->filter_width == 3 && p->depth_multiplier == 1 && p->rounding != TD_ROUND_ANY &&
           p->stride_width == 1 && p->dilation_height == 1 && p->dilation_width == 1 && p->pad_left == 1 &&
           p->output_width == p->input_width && p->input_width >= 4 && p->input_width <= TRANSPOSED_PIXELS &&
           p->input_channels % 4 == 0;
}

/* Four channels of a row, whose first pixel is at `in`. */
__attribute__((noinline)) static void depthwise_transpose_row(const int8_t *in, ptrdiff_t channels, int32_t width,
                                                              int8_t *to) {
    const int32_t missing = (4 - width % 4) % 4; /* some pixels are done twice */
    const int8_t *const end = to + width;
    while (to < end) {
        if (end - to < 4) {
            to -= missing;
            in -= missing * channels;
        }
        const uint32_t last = *(const depthwise_word_at *)(const void *)(in + 3 * channels);
        depthwise_transpose_4(in, channels, last, to, TRANSPOSED_BYTES);
        to += 4;
        in += 4 * channels;
    }
}

/* The constants of channels [begin, begin + 4). */
TD_INLINE void depthwise_transpose_constants(const td_depthwise_params *p, int32_t begin,
                                             td_depthwise_channel channels[4]) {
    const int8_t *weights = p->weights + begin;
    uint32_t shifts = 0;
    TD_RARE_LOOP
    for (int32_t c = 0; c < 4; c++) {
        const td_depthwise_factor *factor = &p->channel[begin + c];
        channels[c].bias = factor->bias;
        channels[c].multiplier = (int32_t)((uint32_t)factor->twice_multiplier >> 1);
        shifts |= (uint32_t)(factor->half_shift + 1) << 8 * c;
    }
    TD_RARE_LOOP
    for (int32_t i = 0; i < 3; i++) {
        depthwise_transpose_4(weights, p->input_channels, shifts, (int8_t *)(&channels[0].row_0 + i), sizeof *channels);
        weights += 3 * p->input_channels;
        shifts = 0;
    }
}

/* One output row, of the input rows from y on. */
static void depthwise_row_transposed(const td_depthwise_params *p, const int8_t *input, int32_t y, int8_t *output) {
    const int32_t width = p->output_width, left = width % 4, read = width + left % 2;
    const int32_t around[2] = {TRANSPOSED_START - 1, TRANSPOSED_START + width};
    const int8_t *from[3];
    depthwise_transposed t;
    planar_row_dsp row;
    row.channels = t.channels;
    row.channels_end = t.channels + 4;
    row.fours_span = (width - left) * p->input_channels;
    row.pixels_left = left;
    row.rounded_offset = 2 * p->output_offset + 1;
    row.output_step = 1 - read * p->input_channels;
    row.output_channels = p->input_channels;
    td_fill((int8_t)p->outside[0], t.outside, TRANSPOSED_BYTES);
    TD_RARE_LOOP
    for (int32_t i = 0; i < 3; i++, y++) {
        const int is_inside = y >= 0 && y < p->input_height;
        const int32_t step = (is_inside ? TRANSPOSED_BYTES : 0) - read;
        from[i] = is_inside ? input + (ptrdiff_t)(y % p->input_ring) * p->input_width * p->input_channels : NULL;
        row.row[i] = (is_inside ? t.rows[i][0] : t.outside) + TRANSPOSED_START - 1;
        if (i < 2) {
            row.input_step[i] = step;
        } else {
            row.last_input_step = step;
        }
        TD_RARE_LOOP
        for (int32_t c = 0; c < 4; c++) {
            t.rows[i][c][around[0]] = t.rows[i][c][around[1]] = (int8_t)p->outside[0];
        }
    }
    for (int32_t c = 0; c < p->input_channels; c += 4) {
        depthwise_transpose_constants(p, c, t.channels);
        TD_RARE_LOOP
        for (int32_t i = 0; i < 3; i++) {
            if (from[i] != NULL) {
                depthwise_transpose_row(from[i] + c, p->input_channels, width, t.rows[i][0] + TRANSPOSED_START);
            }
        }
        row.output = output + c;
        planar_row_dsp_shifted_1(&row);
    }
}

#endif
#endif /* TD_DEPTHWISE_TRANSPOSED_H */
