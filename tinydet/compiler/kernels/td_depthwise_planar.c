/* DEPTHWISE_CONV_2D by 3x3 filters on planar rows, portable form: loops along the row of one channel. */
#include "td_depthwise_avx2.h"
#include "td_depthwise_tile.h"
#include "td_depthwise_planar_mve.h"
#include "td_dsp.h"

enum { PIXELS_AT_ONCE = 32 };

/* Rows are short: vectors of eight pixels, not of several times as many, so that few are left. Beside the form in
 * DSP instructions this one is for rare cases: no room for unrolled loops. */
#if !defined(__clang__)
#define TD_SHORT_LOOP
#elif defined(TD_DSP)
#define TD_SHORT_LOOP _Pragma("clang loop unroll(disable)")
#elif defined(__SSE2__) || defined(__ARM_NEON) || defined(__wasm_simd128__)
#pragma clang diagnostic ignored "-Wpass-failed" /* sanitizers keep the compiler from making vectors */
#define TD_SHORT_LOOP _Pragma("clang loop vectorize_width(8) interleave_count(1)")
#else
#define TD_SHORT_LOOP
#endif

/* One channel of one output row. `step` is the stride, a constant where this is inlined. */
TD_INLINE void planar_sums(const int8_t *const rows[3], const td_depthwise_channel *channel, int32_t step,
                           int32_t count, int32_t *restrict sums) {
    const int8_t *restrict in_0 = rows[0], *restrict in_1 = rows[1], *restrict in_2 = rows[2];
    const int32_t bias = channel->bias;
    const int32_t w_00 = (int8_t)channel->row_0, w_10 = (int8_t)channel->row_1, w_20 = (int8_t)channel->row_2;
    const int32_t w_01 = (int8_t)(channel->row_0 >> 8), w_02 = (int8_t)(channel->row_0 >> 16);
    const int32_t w_11 = (int8_t)(channel->row_1 >> 8), w_12 = (int8_t)(channel->row_1 >> 16);
    const int32_t w_21 = (int8_t)(channel->row_2 >> 8), w_22 = (int8_t)(channel->row_2 >> 16);
    TD_SHORT_LOOP
    for (int32_t x = 0; x < count; x++) {
        const int32_t i = x * step;
        sums[x] = bias + in_0[i] * w_00 + in_0[i + 1] * w_01 + in_0[i + 2] * w_02 +
                  in_1[i] * w_10 + in_1[i + 1] * w_11 + in_1[i + 2] * w_12 +
                  in_2[i] * w_20 + in_2[i + 1] * w_21 + in_2[i + 2] * w_22;
    }
}

/* See td_depthwise_planar.h for the arithmetic of TD_ROUND_SHIFTED. */
TD_INLINE void planar_outputs(const td_depthwise_planar_params *p, const td_depthwise_channel *channel,
                              const int32_t *restrict sums, int32_t count, int8_t *restrict values) {
    const int32_t shift = channel->row_0 >> 24, multiplier = channel->multiplier;
    const int32_t offset = p->output_offset, low = p->output_min, high = p->output_max;
    if (p->rounding == TD_ROUND_ANY) {
        const td_requant requant = {multiplier, -shift};
        TD_SHORT_LOOP
        for (int32_t x = 0; x < count; x++) {
            values[x] = (int8_t)td_clamp(td_rescale(sums[x], requant) + offset, low, high);
        }
        return;
    }
    const int32_t addend = planar_addend(offset, shift);
    TD_SHORT_LOOP
    for (int32_t x = 0; x < count; x++) {
        const int32_t product = td_high_product(sums[x], multiplier) + (sums[x] >> 31);
        values[x] = (int8_t)td_clamp((product + addend) >> shift, -128, 127);
    }
}

TD_INLINE void planar_channel(const td_depthwise_planar_params *p, const td_depthwise_channel *channel,
                              const int8_t *const rows[3], int32_t step, int8_t *output) {
    int32_t sums[PIXELS_AT_ONCE];
    int8_t values[PIXELS_AT_ONCE];
    for (int32_t begin = 0; begin < p->output_width; begin += PIXELS_AT_ONCE) {
        const int32_t left = p->output_width - begin;
        const int32_t count = left < PIXELS_AT_ONCE ? left : PIXELS_AT_ONCE;
        const int8_t *const from[3] = {rows[0] + begin * step, rows[1] + begin * step,
                                       rows[2] + begin * step};
        planar_sums(from, channel, step, count, sums);
        planar_outputs(p, channel, sums, count, values);
        TD_SHORT_LOOP
        for (int32_t x = 0; x < count; x++) {
            output[(ptrdiff_t)(begin + x) * p->channels] = values[x];
        }
    }
}

TD_RARE void planar_row_portable(const td_depthwise_planar_params *p, const planar_rows *in, int8_t *output) {
    for (int32_t c = 0; c < p->channels; c++) {
        const int8_t *const rows[3] = {in->row[0] + c * in->channel_step[0],
                                       in->row[1] + c * in->channel_step[1],
                                       in->row[2] + c * in->channel_step[2]};
#ifdef TD_DSP
        planar_channel(p, &p->channel[c], rows, p->stride_width, output + c); /* a rare case: less code */
#else
        if (p->stride_width == 1) {
            planar_channel(p, &p->channel[c], rows, 1, output + c);
        } else {
            planar_channel(p, &p->channel[c], rows, 2, output + c);
        }
#endif
    }
}

/* The three rows that output row y sees. */
TD_INLINE planar_rows planar_rows_at(const td_depthwise_planar_params *p, const int8_t *input, int32_t y) {
    const ptrdiff_t row_bytes = (ptrdiff_t)p->channels * p->channel_stride;
    planar_rows in;
    for (int32_t i = 0; i < 3; i++) {
        const int32_t row = y * p->stride_height - p->pad_top + i;
        const int is_inside = row >= 0 && row < p->input_height;
        in.row[i] = (is_inside ? input + row % p->input_ring * row_bytes : p->outside) + p->input_start;
        in.channel_step[i] = is_inside ? p->channel_stride : 0;
    }
    return in;
}

void td_depthwise_planar_s8(const td_depthwise_planar_params *p, const int8_t *input, int8_t *output,
                            int32_t y_begin, int32_t y_end) {
    const ptrdiff_t output_row = (ptrdiff_t)p->output_width * p->channels;
#ifdef TD_TILE_AVX2
    planar_group groups[PLANAR_GROUPS];
    planar_prepare_all(p, groups);
#endif
    for (int32_t y = y_begin; y < y_end; y++) {
        const planar_rows in = planar_rows_at(p, input, y);
        int8_t *out = output + y % p->output_ring * output_row;
#if defined(TD_MVE)
        if (planar_is_for_mve(p, &in)) {
            planar_row_in_mve(p, &in, out);
            continue;
        }
#elif defined(TD_DSP)
        if (p->rounding != TD_ROUND_ANY) {
            planar_row_in_dsp(p, &in, out);
            continue;
        }
#elif defined(TD_TILE_AVX2)
        planar_row_in_tiles(p, &in, groups, out);
        continue;
#elif defined(TD_TILE_NEON)
        if (planar_is_for_tiles(p)) {
            planar_row_in_tiles(p, &in, out);
            continue;
        }
#endif
        planar_row_portable(p, &in, out);
    }
}
