/* td_depthwise_planar_mve.h: the form of td_depthwise_planar.c in Helium (Cortex-M55, M85): eight pixels of a channel
 * at a time, in lanes of 16 bits. Not for callers.
 *
 * Helium multiplies and adds lanes of one width only. The products of a filter row fit into 16 bits where the magnitudes
 * of its weights sum to no more than 255 (TD_PLANAR_ROW_LIMIT); rows are widened and added then, else each product is.
 * Widening takes the even lanes apart from the odd ones, and narrowing joins them again. */
#ifndef TD_DEPTHWISE_PLANAR_MVE_H
#define TD_DEPTHWISE_PLANAR_MVE_H

#include "td_depthwise_planar.h"

#ifdef TD_MVE

#include <arm_mve.h>

enum { PLANAR_PIXELS = 8, TD_PLANAR_ROW_LIMIT = 255 }; /* 128 * 255 < 2**15 */

/* Sums of eight pixels, even and odd ones. */
typedef struct {
    int32x4_t even, odd;
} planar_sums_mve;

/* What is the same for all pixels of a channel. */
typedef struct {
    int32_t bias, multiplier, shift; /* negative: to the right */
    int16_t weights[3][3];
    int is_narrow; /* each row fits into 16 bits */
} planar_filter_mve;

TD_INLINE int32_t planar_magnitude(int32_t weight) {
    return weight < 0 ? -weight : weight;
}

TD_INLINE planar_filter_mve planar_filter_of(const td_depthwise_channel *channel) {
    const int32_t rows[3] = {channel->row_0, channel->row_1, channel->row_2};
    planar_filter_mve filter = {channel->bias, channel->multiplier, -(channel->row_0 >> 24), {{0}}, 1};
    for (int i = 0; i < 3; i++) {
        int32_t magnitude = 0;
        for (int j = 0; j < 3; j++) {
            filter.weights[i][j] = (int8_t)(rows[i] >> 8 * j);
            magnitude += planar_magnitude(filter.weights[i][j]);
        }
        filter.is_narrow = filter.is_narrow && magnitude <= TD_PLANAR_ROW_LIMIT;
    }
    return filter;
}

/* Eight pixels of the three taps of a filter row. `count` is less than 8 where no more may be read; else 8. */
typedef struct {
    int16x8_t taps[3];
} planar_taps_mve;

TD_INLINE int8x16_t planar_bytes(const int8_t *at, int32_t count) {
    return count < 16 ? vldrbq_z_s8(at, vctp8q((uint32_t)count)) : vldrbq_s8(at);
}

TD_INLINE planar_taps_mve planar_load_mve(const int8_t *row, int32_t step, int32_t count) {
    planar_taps_mve in;
    if (step == 2) { /* the bytes at even places are tap 0, those at odd ones tap 1 */
        const int8x16_t bytes = planar_bytes(row, 2 * count);
        in.taps[0] = vmovlbq_s8(bytes);
        in.taps[1] = vmovltq_s8(bytes);
        in.taps[2] = vmovlbq_s8(planar_bytes(row + 2, 2 * count - 1));
        return in;
    }
    for (int j = 0; j < 3; j++) {
        in.taps[j] = count < PLANAR_PIXELS ? vldrbq_z_s16(row + j, vctp16q((uint32_t)count)) : vldrbq_s16(row + j);
    }
    return in;
}

TD_INLINE planar_sums_mve planar_widened(planar_sums_mve sums, int16x8_t products) {
    sums.even = vaddq_s32(sums.even, vmovlbq_s16(products));
    sums.odd = vaddq_s32(sums.odd, vmovltq_s16(products));
    return sums;
}

TD_INLINE planar_sums_mve planar_sums_of(const planar_filter_mve *filter, const int8_t *const rows[3], int32_t at,
                                         int32_t step, int32_t count, int is_narrow) {
    planar_sums_mve sums = {vdupq_n_s32(filter->bias), vdupq_n_s32(filter->bias)};
    for (int i = 0; i < 3; i++) {
        const planar_taps_mve in = planar_load_mve(rows[i] + at, step, count);
        const int16_t *w = filter->weights[i];
        if (is_narrow) {
            const int16x8_t first = vmlaq_n_s16(vmulq_n_s16(in.taps[0], w[0]), in.taps[1], w[1]);
            sums = planar_widened(sums, vmlaq_n_s16(first, in.taps[2], w[2]));
        } else {
            for (int j = 0; j < 3; j++) {
                sums = planar_widened(sums, vmulq_n_s16(in.taps[j], w[j]));
            }
        }
    }
    return sums;
}

/* See td_divide_by_power; the right shift is at least 1. */
TD_INLINE int32x4_t planar_rescaled(int32x4_t sums, const planar_filter_mve *filter, int is_positive) {
    int32x4_t high = vqrdmulhq_n_s32(sums, filter->multiplier);
    if (!is_positive) {
        high = vaddq_s32(high, vshrq_n_s32(high, 31));
    }
    return vrshlq_n_s32(high, filter->shift);
}

/* A row of one channel, by pixels that lie `places` apart. Where `is_safe` is 0, nothing behind the last window may be
 * read. */
TD_INLINE void planar_channel_in_mve(const td_depthwise_planar_params *p, const planar_filter_mve *filter,
                                     const int8_t *const rows[3], int32_t step, int is_narrow, int is_safe,
                                     uint16x8_t places, int8_t *output) {
    const int is_positive = p->rounding == TD_ROUND_POSITIVE;
    int32_t at = 0;
    for (int32_t left = p->output_width; left > 0; left -= PLANAR_PIXELS, at += PLANAR_PIXELS * step) {
        const int32_t count = is_safe ? PLANAR_PIXELS : left;
        const planar_sums_mve sums = planar_sums_of(filter, rows, at, step, count, is_narrow);
        int16x8_t values = vqmovnbq_s32(vdupq_n_s16(0), planar_rescaled(sums.even, filter, is_positive));
        values = vqmovntq_s32(values, planar_rescaled(sums.odd, filter, is_positive));
        values = vqaddq_n_s16(values, p->output_offset);
        const int16x8_t bytes = (int16x8_t)vqmovnbq_s16((int8x16_t)values, values);
        vstrbq_scatter_offset_p_s16(output, places, bytes, vctp16q((uint32_t)left));
        output += PLANAR_PIXELS * p->channels;
    }
}

#define TD_PLANAR_MVE_ROW __attribute__((noinline)) static void

TD_PLANAR_MVE_ROW planar_channel_mve_1(const td_depthwise_planar_params *p, const planar_filter_mve *filter,
                                       const int8_t *const rows[3], uint16x8_t places, int8_t *output) {
    planar_channel_in_mve(p, filter, rows, 1, 1, 1, places, output);
}

TD_PLANAR_MVE_ROW planar_channel_mve_2(const td_depthwise_planar_params *p, const planar_filter_mve *filter,
                                       const int8_t *const rows[3], uint16x8_t places, int8_t *output) {
    planar_channel_in_mve(p, filter, rows, 2, 1, 1, places, output);
}

/* The rare cases: large weights, the last channels of a row, rows outside the image. */
TD_PLANAR_MVE_ROW planar_channel_mve_any(const td_depthwise_planar_params *p, const planar_filter_mve *filter,
                                         const int8_t *const rows[3], uint16x8_t places, int8_t *output) {
    planar_channel_in_mve(p, filter, rows, p->stride_width, 0, 0, places, output);
}

/* Whether the pixels that are stored together lie near enough for offsets of 16 bits. */
TD_INLINE int planar_is_for_mve(const td_depthwise_planar_params *p) {
    return p->rounding != TD_ROUND_ANY && p->channels <= UINT16_MAX / PLANAR_PIXELS;
}

/* One output row, of rounding TD_ROUND_SHIFTED or TD_ROUND_POSITIVE. */
TD_INLINE void planar_row_in_mve(const td_depthwise_planar_params *p, const planar_rows *in, int8_t *output) {
    const uint16x8_t places = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)p->channels);
    /* Vectors read so much of a channel, from its first window on. */
    const int32_t groups = (p->output_width + PLANAR_PIXELS - 1) / PLANAR_PIXELS;
    const int32_t read = groups * PLANAR_PIXELS * p->stride_width + 2;
    const int is_inside = in->channel_step[0] && in->channel_step[1] && in->channel_step[2];
    for (int32_t c = 0; c < p->channels; c++) {
        const planar_filter_mve filter = planar_filter_of(&p->channel[c]);
        const int8_t *const rows[3] = {in->row[0] + c * in->channel_step[0], in->row[1] + c * in->channel_step[1],
                                       in->row[2] + c * in->channel_step[2]};
        const int is_safe = is_inside && p->input_start + read <= (p->channels - c) * p->channel_stride;
        if (!is_safe || !filter.is_narrow) {
            planar_channel_mve_any(p, &filter, rows, places, output + c);
        } else if (p->stride_width == 1) {
            planar_channel_mve_1(p, &filter, rows, places, output + c);
        } else {
            planar_channel_mve_2(p, &filter, rows, places, output + c);
        }
    }
}

#endif
#endif /* TD_DEPTHWISE_PLANAR_MVE_H */
