/* td_depthwise_tile.h: td_depthwise_planar.c in NEON without dot products, eight pixels of a channel at a time. Not
 * for callers.
 *
 * Vectors reach beyond the last window of a channel: into the next channel, whose values then count for nothing. What
 * would reach beyond the row is copied first. */
#ifndef TD_DEPTHWISE_TILE_H
#define TD_DEPTHWISE_TILE_H

#include "td_depthwise_dot.h"

#if defined(TD_TILE_NEON) && !defined(TD_TILE_NEON_DOT)

enum {
    PLANAR_PIXELS = 64,                       /* of a row at once */
    PLANAR_REACH = 2 * TD_TILE_PIXELS + 8,    /* bytes from the first window of eight pixels on that are read */
    PLANAR_BYTES = 2 * PLANAR_PIXELS + PLANAR_REACH
};

/* The weights of one channel as the instructions take them. */
typedef struct {
    int8x8_t taps[9];
    int32_t bias;
    int has_lowest; /* two products may not fit in an int16 */
} planar_weights;

TD_INLINE planar_weights planar_weights_of(const td_depthwise_channel *channel, int32_t stride) {
    planar_weights weights;
    (void)stride;
    /* Where a byte of the multiplier is -128 too: the longer way, with the same result. */
    const int8x16_t all = vld1q_s8((const int8_t *)&channel->multiplier);
    const uint64x2_t lowest = vreinterpretq_u64_u8(vceqq_s8(all, vdupq_n_s8(-128)));
    weights.has_lowest = (vgetq_lane_u64(lowest, 0) | vgetq_lane_u64(lowest, 1)) != 0;
    weights.bias = channel->bias;
    const int8x8_t low = vget_low_s8(all), high = vget_high_s8(all);
    weights.taps[0] = vdup_lane_s8(low, 4);
    weights.taps[1] = vdup_lane_s8(low, 5);
    weights.taps[2] = vdup_lane_s8(low, 6);
    weights.taps[3] = vdup_lane_s8(high, 0);
    weights.taps[4] = vdup_lane_s8(high, 1);
    weights.taps[5] = vdup_lane_s8(high, 2);
    weights.taps[6] = vdup_lane_s8(high, 4);
    weights.taps[7] = vdup_lane_s8(high, 5);
    weights.taps[8] = vdup_lane_s8(high, 6);
    TD_UNROLL
    for (int i = 0; i < 9; i++) { /* kept in registers: compilers would spread them anew for each use */
        __asm__("" : "+w"(weights.taps[i]));
    }
    return weights;
}

TD_INLINE void planar_add(tile_sums *sums, int16x8_t products) {
    sums->low = vaddw_s16(sums->low, vget_low_s16(products));
    sums->high = vaddw_s16(sums->high, vget_high_s16(products));
}

TD_INLINE tile_sums planar_tile_sums(const int8_t *const in[3], const planar_weights *w, int32_t stride,
                                     int has_lowest) {
    tile_sums sums = {vdupq_n_s32(w->bias), vdupq_n_s32(w->bias)};
    int8x8_t v[9];
    TD_UNROLL
    for (int i = 0; i < 3; i++) {
        if (stride == 1) {
            v[3 * i] = vld1_s8(in[i]);
            v[3 * i + 1] = vld1_s8(in[i] + 1);
            v[3 * i + 2] = vld1_s8(in[i] + 2);
        } else {
            const int8x8x2_t both = vld2_s8(in[i]);
            v[3 * i] = both.val[0];
            v[3 * i + 1] = both.val[1];
            v[3 * i + 2] = vld2_s8(in[i] + 2).val[0];
        }
    }
    if (has_lowest) {
        for (int i = 0; i < 9; i++) {
            sums = tile_add_products(sums, v[i], w->taps[i]);
        }
        return sums;
    }
    sums = tile_add_products(sums, v[8], w->taps[8]);
    TD_UNROLL
    for (int i = 0; i < 8; i += 2) {
        planar_add(&sums, vmlal_s8(vmull_s8(v[i], w->taps[i]), v[i + 1], w->taps[i + 1]));
    }
    return sums;
}

/* Copies of those rows of a channel that end before what is read of them. */
static void planar_tile_copies(const planar_rows *rows, int32_t there, int8_t copies[3][PLANAR_BYTES],
                               const int8_t *in[3]) {
    for (int i = 0; i < 3; i++) {
        if (rows->channel_step[i] != 0) {
            td_copy(in[i], copies[i], there);
            in[i] = copies[i];
        }
    }
}

/* What becomes of the sums of a channel. */
typedef struct {
    planar_weights weights;
    tile_factor factor;
} planar_channel_numbers;

TD_INLINE void planar_tile_pixels(const planar_channel_numbers *numbers, const int8_t *const rows[3], int32_t stride,
                                  int has_lowest, int32_t count, int8_t *output) {
    const int8_t *in[3] = {rows[0], rows[1], rows[2]};
    for (int32_t x = 0; x < count; x += TD_TILE_PIXELS) {
        const tile_sums sums = planar_tile_sums(in, &numbers->weights, stride, has_lowest);
        tile_store(output + x, tile_rescale(sums, numbers->factor));
        TD_UNROLL
        for (int i = 0; i < 3; i++) {
            in[i] += TD_TILE_PIXELS * stride;
        }
    }
}

/* One channel of up to PLANAR_PIXELS pixels. */
TD_INLINE void planar_tile_channel(const td_depthwise_planar_params *p, const td_depthwise_channel *channel,
                                   const int8_t *const rows[3], int32_t stride, int is_positive, int32_t count,
                                   int8_t *output) {
    const int32_t offset = is_positive ? -128 : p->output_offset;
    const tile_factor factor = {channel->multiplier, channel->row_0 >> 24, offset, is_positive};
    const planar_channel_numbers numbers = {planar_weights_of(channel, stride), factor};
    if (numbers.weights.has_lowest) {
        planar_tile_pixels(&numbers, rows, stride, 1, count, output);
    } else {
        planar_tile_pixels(&numbers, rows, stride, 0, count, output);
    }
}

/* Eight channels, or the last ones, of some pixels to interleaved output. */
TD_INLINE void planar_tile_store(const td_depthwise_planar_params *p, int8_t outputs[][PLANAR_PIXELS],
                                 int32_t channels, int32_t count, int8_t *to) {
    int8_t beyond[TD_TILE_CHANNELS]; /* for pixels behind the last */
    for (int32_t x = 0; channels == TD_TILE_CHANNELS && x < count; x += TD_TILE_PIXELS) {
        tile_values values[TD_TILE_CHANNELS];
        int8_t *places[TD_TILE_PIXELS];
        for (int k = 0; k < TD_TILE_CHANNELS; k++) {
            values[k] = tile_load(outputs[k] + x);
            places[k] = x + k < count ? to + (ptrdiff_t)(x + k) * p->channels : beyond;
        }
        tile_store_pixels(values, places);
    }
    for (int32_t x = 0; channels < TD_TILE_CHANNELS && x < count; x++) {
        for (int32_t k = 0; k < channels; k++) {
            to[(ptrdiff_t)x * p->channels + k] = outputs[k][x];
        }
    }
}

/* Channels [begin, begin + channels) of `count` pixels from `x` on. */
TD_INLINE void planar_tile(const td_depthwise_planar_params *p, const planar_rows *rows, int32_t begin,
                           int32_t channels, int32_t x, int32_t count, int8_t copies[3][PLANAR_BYTES],
                           int8_t outputs[][PLANAR_PIXELS]) {
    const int32_t blocks = (count + TD_TILE_PIXELS - 1) / TD_TILE_PIXELS;
    const int32_t read = (blocks - 1) * TD_TILE_PIXELS * p->stride_width + PLANAR_REACH;
    int32_t there = (p->channels - begin) * p->channel_stride - p->input_start - x * p->stride_width;
    const int8_t *in[3];
    for (int i = 0; i < 3; i++) { /* outside the image: zero points, in `copies` */
        in[i] = rows->channel_step[i] == 0 ? copies[i]
                                           : rows->row[i] + begin * rows->channel_step[i] + x * p->stride_width;
    }
    for (int32_t k = 0; k < channels; k++, there -= p->channel_stride) {
        const int8_t *now[3] = {in[0], in[1], in[2]};
        if (read > there) {
            planar_tile_copies(rows, there, copies, now);
        }
        if (p->stride_width == 2) {
            planar_tile_channel(p, &p->channel[begin + k], now, 2, 0, count, outputs[k]);
        } else if (p->rounding == TD_ROUND_POSITIVE) {
            planar_tile_channel(p, &p->channel[begin + k], now, 1, 1, count, outputs[k]);
        } else {
            planar_tile_channel(p, &p->channel[begin + k], now, 1, 0, count, outputs[k]);
        }
        for (int i = 0; i < 3; i++) {
            in[i] += rows->channel_step[i];
        }
    }
}

TD_INLINE int planar_is_for_tiles(const td_depthwise_planar_params *p) {
    return p->rounding != TD_ROUND_ANY;
}

static void planar_row_in_tiles(const td_depthwise_planar_params *p, const planar_rows *rows, int8_t *output) {
    int8_t outputs[TD_TILE_CHANNELS][PLANAR_PIXELS], copies[3][PLANAR_BYTES];
    for (int i = 0; i < 3; i++) {
        if (rows->channel_step[i] == 0) {
            td_fill(p->outside[0], copies[i], PLANAR_BYTES);
        }
    }
    for (int32_t x = 0; x < p->output_width; x += PLANAR_PIXELS) {
        const int32_t count = p->output_width - x < PLANAR_PIXELS ? p->output_width - x : PLANAR_PIXELS;
        for (int32_t c = 0; c < p->channels; c += TD_TILE_CHANNELS) {
            const int32_t channels = p->channels - c < TD_TILE_CHANNELS ? p->channels - c : TD_TILE_CHANNELS;
            planar_tile(p, rows, c, channels, x, count, copies, outputs);
            planar_tile_store(p, outputs, channels, count, output + (ptrdiff_t)x * p->channels + c);
        }
    }
}

#endif
#endif /* TD_DEPTHWISE_TILE_H */
