/* td_depthwise_dot.h: td_depthwise_planar.c in NEON with dot products, eight channels of eight pixels at a time. Not
 * for callers.
 *
 * A tile stays in registers until it is turned to interleaved output. The last tile of a row, and the last one of its
 * channels, overlap the tiles in front of them: what is computed twice is the same. Vectors reach beyond the last window
 * of a channel: into the next channel, whose values then count for nothing. What would reach beyond the row is copied
 * first. */
#ifndef TD_DEPTHWISE_DOT_H
#define TD_DEPTHWISE_DOT_H

#include "td_depthwise_planar.h"
#include "td_tile.h"

#ifdef TD_TILE_NEON_DOT

enum { PLANAR_COPY = 32 }; /* bytes; at least those that are read from the first window of eight pixels on */

/* Where the windows of the first and the next four pixels lie; their fourth byte is 0, from nowhere. */
typedef struct {
    uint8x16_t first, next;
} planar_windows;

TD_INLINE planar_windows planar_windows_of(int32_t stride) {
    static const uint8_t places[3][16] = {{0, 1, 2, 99, 1, 2, 3, 99, 2, 3, 4, 99, 3, 4, 5, 99},
                                          {4, 5, 6, 99, 5, 6, 7, 99, 6, 7, 8, 99, 7, 8, 9, 99},
                                          {0, 1, 2, 99, 2, 3, 4, 99, 4, 5, 6, 99, 6, 7, 8, 99}};
    const planar_windows windows = {vld1q_u8(places[stride == 1 ? 0 : 2]), vld1q_u8(places[stride == 1 ? 1 : 2])};
    return windows;
}

/* Eight pixels of one channel. */
TD_INLINE tile_values planar_dot_values(const td_depthwise_channel *channel, const int8_t *const in[3],
                                        planar_windows windows, int32_t stride, int is_positive, int16x8_t offset) {
    const int8x16_t rows = vld1q_s8((const int8_t *)&channel->multiplier); /* lanes 1 to 3: weights of a row */
    const int32x4_t multiplier = vreinterpretq_s32_s8(rows);               /* lane 0 */
    const int32x4_t shift = vreinterpretq_s32_s8(vnegq_s8(vdupq_laneq_s8(rows, 7))); /* the lowest byte counts */
    int32x4_t low = vdupq_n_s32(channel->bias), high = low;
#define TD_PLANAR_DOT(i)                                                                      \
    do {                                                                                      \
        const int8x16_t a = vld1q_s8(in[i]), b = stride == 1 ? a : vld1q_s8(in[i] + 8);       \
        low = vdotq_laneq_s32(low, vqtbl1q_s8(a, windows.first), rows, i + 1);                \
        high = vdotq_laneq_s32(high, vqtbl1q_s8(b, windows.next), rows, i + 1);               \
    } while (0)
    TD_PLANAR_DOT(0);
    TD_PLANAR_DOT(1);
    TD_PLANAR_DOT(2);
#undef TD_PLANAR_DOT
    low = vqrdmulhq_laneq_s32(low, multiplier, 0);
    high = vqrdmulhq_laneq_s32(high, multiplier, 0);
    if (!is_positive) {
        low = vsraq_n_s32(low, low, 31);
        high = vsraq_n_s32(high, high, 31);
    }
    const int16x8_t both = vqmovn_high_s32(vqmovn_s32(vrshlq_s32(low, shift)), vrshlq_s32(high, shift));
    return vqmovn_s16(vqaddq_s16(both, offset));
}

/* A tile at the rows `in`, its channels `steps` bytes apart; `count` pixels of it are there. */
TD_INLINE void planar_dot_tile(const td_depthwise_planar_params *p, const td_depthwise_channel *channel,
                               const int8_t *const rows[3], const int32_t steps[3], planar_windows windows,
                               int32_t stride, int is_positive, int32_t count, int8_t *to) {
    const int16x8_t offset = vdupq_n_s16((int16_t)(is_positive ? -128 : p->output_offset));
    const int8_t *in[3] = {rows[0], rows[1], rows[2]};
    tile_values values[TD_TILE_CHANNELS];
    int8_t pixels[TD_TILE_PIXELS][TD_TILE_CHANNELS], *places[TD_TILE_PIXELS];
    TD_UNROLL
    for (int k = 0; k < TD_TILE_CHANNELS; k++) {
        values[k] = planar_dot_values(channel + k, in, windows, stride, is_positive, offset);
        in[0] += steps[0];
        in[1] += steps[1];
        in[2] += steps[2];
    }
    if (count == TD_TILE_PIXELS) {
        TD_UNROLL
        for (int k = 0; k < TD_TILE_PIXELS; k++) {
            places[k] = to + k * (ptrdiff_t)p->channels;
        }
        tile_store_pixels(values, places);
        return;
    }
    TD_UNROLL
    for (int k = 0; k < TD_TILE_PIXELS; k++) {
        places[k] = pixels[k];
    }
    tile_store_pixels(values, places);
    for (int32_t x = 0; x < count; x++) {
        tile_store(to + x * (ptrdiff_t)p->channels, tile_load(pixels[x]));
    }
}

/* A tile at the end of the row's last channels: `there` bytes from its first channel on lie within the row. */
static __attribute__((noinline)) void planar_dot_last_tile(const td_depthwise_planar_params *p,
                                                           const td_depthwise_channel *channel,
                                                           const int8_t *const rows[3], const int32_t steps[3],
                                                           int32_t there, int is_positive, int32_t count, int8_t *to) {
    int8_t copies[3][TD_TILE_CHANNELS][PLANAR_COPY];
    const int8_t *in[3];
    int32_t copied_steps[3];
    for (int i = 0; i < 3; i++) {
        const int is_outside = steps[i] == 0;
        for (int32_t k = 0; k < TD_TILE_CHANNELS && !is_outside; k++) {
            const int32_t left = there - k * steps[i];
            td_copy(rows[i] + k * steps[i], copies[i][k], left < PLANAR_COPY ? left : PLANAR_COPY);
        }
        in[i] = is_outside ? rows[i] : copies[i][0];
        copied_steps[i] = is_outside ? 0 : PLANAR_COPY;
    }
    const int32_t stride = p->stride_width;
    planar_dot_tile(p, channel, in, copied_steps, planar_windows_of(stride), stride, is_positive, count, to);
}

TD_INLINE void planar_dot_row(const td_depthwise_planar_params *p, const planar_rows *rows, int32_t stride,
                              int is_positive, int8_t *output) {
    const planar_windows windows = planar_windows_of(stride);
    const int32_t last_c = p->channels - TD_TILE_CHANNELS, last_x = p->output_width - TD_TILE_PIXELS;
    const int32_t count = last_x < 0 ? p->output_width : TD_TILE_PIXELS;
    int8_t zero_points[PLANAR_COPY];
    td_fill(p->outside[0], zero_points, PLANAR_COPY);
    for (int32_t i = 0; i < p->channels; i += TD_TILE_CHANNELS) {
        const int32_t c = i < last_c ? i : last_c;
        const int32_t there = (p->channels - c) * p->channel_stride - p->input_start;
        const int32_t needed = (TD_TILE_CHANNELS - 1) * p->channel_stride + (stride == 1 ? 16 : 24);
        const int8_t *in[3];
        int32_t advance[3];
        TD_UNROLL
        for (int k = 0; k < 3; k++) {
            const int is_outside = rows->channel_step[k] == 0;
            in[k] = is_outside ? zero_points : rows->row[k] + c * rows->channel_step[k];
            advance[k] = is_outside ? 0 : stride;
        }
        for (int32_t j = 0; j < p->output_width; j += TD_TILE_PIXELS) {
            const int32_t x = j < last_x || last_x < 0 ? j : last_x;
            const int8_t *const at[3] = {in[0] + x * advance[0], in[1] + x * advance[1], in[2] + x * advance[2]};
            int8_t *const to = output + (ptrdiff_t)x * p->channels + c;
            if (there - x * stride >= needed) {
                planar_dot_tile(p, p->channel + c, at, rows->channel_step, windows, stride, is_positive, count, to);
            } else {
                planar_dot_last_tile(p, p->channel + c, at, rows->channel_step, there - x * stride, is_positive, count,
                                     to);
            }
        }
    }
}

TD_INLINE int planar_is_for_tiles(const td_depthwise_planar_params *p) {
    return p->rounding != TD_ROUND_ANY && p->channels >= TD_TILE_CHANNELS;
}

static void planar_row_in_tiles(const td_depthwise_planar_params *p, const planar_rows *rows, int8_t *output) {
    if (p->stride_width == 2) {
        planar_dot_row(p, rows, 2, 0, output);
    } else if (p->rounding == TD_ROUND_POSITIVE) {
        planar_dot_row(p, rows, 1, 1, output);
    } else {
        planar_dot_row(p, rows, 1, 0, output);
    }
}

#endif
#endif /* TD_DEPTHWISE_DOT_H */
