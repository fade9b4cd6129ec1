/* td_depthwise_tile.h: td_depthwise_planar.c in vector instructions, eight pixels of a channel at a time. Not for
 * callers.
 *
 * Vectors reach beyond the last window of a channel: into the next channel, whose values then count for nothing. What
 * would reach beyond the row is copied first. */
#ifndef TD_DEPTHWISE_TILE_H
#define TD_DEPTHWISE_TILE_H

#include "td_depthwise_dot.h"

#if defined(TD_TILE) && !defined(TD_TILE_NEON_DOT)

enum {
    PLANAR_PIXELS = 64,                       /* of a row at once */
    PLANAR_REACH = 2 * TD_TILE_PIXELS + 8,    /* bytes from the first window of eight pixels on that are read */
    PLANAR_BYTES = 2 * PLANAR_PIXELS + PLANAR_REACH
};

/* The weights of one channel as the instructions take them. */
#if defined(TD_TILE_NEON)

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

#else

typedef struct {
    __m256i rows[3], windows, bias;
    int has_lowest; /* of no meaning here */
} planar_weights;

/* 16 bytes twice, or for a stride of 2 those from 8 on the second time: the windows of four pixels each. */
TD_INLINE __m256i planar_windows(const int8_t *in, __m256i places, int32_t stride) {
    const __m128i *const first = (const __m128i *)(const void *)in, *const next = (const __m128i *)(const void *)(in + 8);
    const __m256i bytes = stride == 1 ? _mm256_broadcastsi128_si256(_mm_loadu_si128(first))
                                      : _mm256_loadu2_m128i(next, first);
    return _mm256_shuffle_epi8(bytes, places);
}

TD_INLINE planar_weights planar_weights_of(const td_depthwise_channel *channel, int32_t stride) {
    const __m128i by_1 = _mm_setr_epi8(0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6);
    const __m128i by_2 = _mm_setr_epi8(0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9);
    planar_weights w;
    w.windows = stride == 1 ? _mm256_set_m128i(_mm_add_epi8(by_1, _mm_set1_epi8(4)), by_1) : _mm256_set_m128i(by_2, by_2);
    w.rows[0] = _mm256_set1_epi32(channel->row_0 & 0x00FFFFFF); /* without what the fourth byte says */
    w.rows[1] = _mm256_set1_epi32(channel->row_1 & 0x00FFFFFF);
    w.rows[2] = _mm256_set1_epi32(channel->row_2 & 0x00FFFFFF);
    w.bias = _mm256_set1_epi32(channel->bias);
    w.has_lowest = 0;
#if defined(TD_TILE_VNNI)
    /* The instruction takes values + 128: what these add is taken away. */
    __m256i more = _mm256_setzero_si256();
    for (int i = 0; i < 3; i++) {
        more = TD_TILE_DOT(more, _mm256_set1_epi8(-128), w.rows[i]);
    }
    w.bias = _mm256_sub_epi32(w.bias, more);
#else
    for (int i = 0; i < 3; i++) {
        w.rows[i] = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(w.rows[i]));
    }
#endif
    return w;
}

TD_INLINE tile_sums planar_tile_sums(const int8_t *const in[3], const planar_weights *w, int32_t stride,
                                     int has_lowest) {
    (void)has_lowest;
#if defined(TD_TILE_VNNI)
    __m256i sums = w->bias;
    for (int i = 0; i < 3; i++) {
        const __m256i windows = _mm256_xor_si256(planar_windows(in[i], w->windows, stride), _mm256_set1_epi8(-128));
        sums = TD_TILE_DOT(sums, windows, w->rows[i]);
    }
    return sums;
#else
    __m256i low = _mm256_setzero_si256(), high = low; /* two sums of each pixel, to be added */
    for (int i = 0; i < 3; i++) {
        const __m256i windows = planar_windows(in[i], w->windows, stride);
        const __m256i a = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(windows));
        const __m256i b = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(windows, 1));
        low = _mm256_add_epi32(low, _mm256_madd_epi16(a, w->rows[i]));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(b, w->rows[i]));
    }
    return _mm256_add_epi32(w->bias, _mm256_permute4x64_epi64(_mm256_hadd_epi32(low, high), 0xD8));
#endif
}

#endif

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
