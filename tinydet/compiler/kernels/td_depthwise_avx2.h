/* td_depthwise_avx2.h: td_depthwise_planar.c in AVX2, AVX-VNNI and AVX-512 VNNI: eight pixels of eight channels at a
 * time. Not for callers.
 *
 * Vectors reach beyond the last window of a channel: into the next channel, whose values then count for nothing. What
 * would reach beyond the row is copied first. */
#ifndef TD_DEPTHWISE_AVX2_H
#define TD_DEPTHWISE_AVX2_H

#include "td_depthwise_planar.h"
#include "td_tile.h"

#ifdef TD_TILE_AVX2

enum {
    PLANAR_PIXELS = 64,                    /* of a row at once */
    PLANAR_REACH = 2 * TD_TILE_PIXELS + 8, /* bytes from the first window of eight pixels on that are read, by a stride of 2 */
    PLANAR_BYTES = 2 * PLANAR_PIXELS + PLANAR_REACH,
    PLANAR_GROUPS = 64 /* of eight channels: 17 KiB; those of more channels are prepared for each row */
};

/* Eight channels; where there are fewer, the last one repeatedly. */
typedef struct {
    int32_t rows[3][TD_TILE_CHANNELS]; /* three weights; the fourth byte meets a value of 0 */
    int32_t biases[TD_TILE_CHANNELS];
    tile_factor factors[TD_TILE_CHANNELS];
    int is_plain; /* tile_rescale gives the values */
} planar_group;

/* The windows of the first pixel. */
typedef struct {
    const int8_t *row[3];    /* of the first channel */
    ptrdiff_t channel_step[3];
} planar_windows;

typedef int8_t planar_copies[3][TD_TILE_CHANNELS][PLANAR_BYTES];

TD_INLINE void planar_prepare(const td_depthwise_planar_params *p, int32_t begin, planar_group *group) {
    const int32_t last = p->channels - begin - 1;
    group->is_plain = p->output_min == -128 && p->output_max == 127;
    for (int32_t k = 0; k < TD_TILE_CHANNELS; k++) {
        const td_depthwise_channel *channel = &p->channel[begin + (k < last ? k : last)];
        group->rows[0][k] = channel->row_0;
        group->rows[1][k] = channel->row_1;
        group->rows[2][k] = channel->row_2;
        group->biases[k] = channel->bias;
        const int32_t shift = channel->row_0 >> 24;
        const tile_factor factor = {0, channel->multiplier, shift};
        const int fits = tile_factor_fits(channel->bias, shift, p->output_offset);
        group->factors[k] = fits ? tile_factor_of(channel->multiplier, shift, p->output_offset) : factor;
        group->is_plain &= fits;
    }
#if defined(TD_TILE_VNNI)
    /* The instruction takes values + 128: what these add is taken away. */
    __m256i more = _mm256_setzero_si256();
    for (int i = 0; i < 3; i++) {
        more = TD_TILE_DOT(more, _mm256_set1_epi32(0x00808080), tile_load_sums(group->rows[i]));
    }
    tile_spill(_mm256_sub_epi32(tile_load_sums(group->biases), more), group->biases);
#endif
}

/* The windows of eight pixels: three values and a zero each. For a stride of 2, those of four pixels lie in 16 bytes from
 * `in` on, those of the others in 16 bytes from in + 8 on. */
TD_INLINE __m256i planar_eight(const int8_t *in, int32_t stride) {
    const __m128i by_1 = _mm_setr_epi8(0, 1, 2, -1, 1, 2, 3, -1, 2, 3, 4, -1, 3, 4, 5, -1);
    const __m128i by_2 = _mm_setr_epi8(0, 1, 2, -1, 2, 3, 4, -1, 4, 5, 6, -1, 6, 7, 8, -1);
    const __m128i further = _mm_setr_epi8(4, 5, 6, -1, 5, 6, 7, -1, 6, 7, 8, -1, 7, 8, 9, -1);
    const __m128i *const first = (const __m128i *)(const void *)in, *const next = (const __m128i *)(const void *)(in + 8);
    __m256i bytes = stride == 1 ? _mm256_broadcastsi128_si256(_mm_loadu_si128(first))
                                : _mm256_loadu2_m128i(next, first);
#if defined(TD_TILE_VNNI)
    bytes = _mm256_xor_si256(bytes, _mm256_set1_epi8(-128));
#endif
    return _mm256_shuffle_epi8(bytes, stride == 1 ? _mm256_set_m128i(further, by_1) : _mm256_set_m128i(by_2, by_2));
}

/* Channel k of eight pixels; the windows are its own. */
TD_INLINE tile_sums planar_tile_sums(const planar_group *group, int32_t k, const int8_t *const in[3], int32_t stride) {
#if defined(TD_TILE_VNNI)
    __m256i sums = _mm256_set1_epi32(group->biases[k]);
    TD_UNROLL
    for (int i = 0; i < 3; i++) {
        sums = TD_TILE_DOT(sums, planar_eight(in[i], stride), _mm256_set1_epi32(group->rows[i][k]));
    }
    return sums;
#else
    __m256i low = _mm256_setzero_si256(), high = low; /* two sums of each pixel, to be added */
    TD_UNROLL
    for (int i = 0; i < 3; i++) {
        const __m256i weights = _mm256_cvtepi8_epi16(_mm_set1_epi32(group->rows[i][k]));
        const __m256i windows = planar_eight(in[i], stride);
        const __m256i a = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(windows));
        const __m256i b = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(windows, 1));
        low = _mm256_add_epi32(low, _mm256_madd_epi16(a, weights));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(b, weights));
    }
    const __m256i sums = _mm256_permute4x64_epi64(_mm256_hadd_epi32(low, high), 0xD8);
    return _mm256_add_epi32(sums, _mm256_set1_epi32(group->biases[k]));
#endif
}

/* Copies of the windows of `channels` channels, of which there are `there` bytes behind the first one. */
__attribute__((noinline)) static void planar_copy(const td_depthwise_planar_params *p, int32_t channels, int32_t there,
                                                  planar_windows *windows, planar_copies copies) {
    for (int i = 0; i < 3; i++) {
        if (windows->channel_step[i] != 0) {
            int32_t left = there;
            for (int32_t k = 0; k < channels; k++, left -= p->channel_stride) {
                const int8_t *from = windows->row[i] + k * windows->channel_step[i];
                td_copy(from, copies[i][k], left < PLANAR_BYTES ? left : PLANAR_BYTES);
            }
            windows->row[i] = copies[i][0];
            windows->channel_step[i] = PLANAR_BYTES;
        }
    }
}

/* The windows of `count` pixels from `x` on, of up to eight channels from `begin` on. */
TD_INLINE planar_windows planar_find(const td_depthwise_planar_params *p, const planar_rows *rows, int32_t begin,
                                     int32_t x, int32_t count, planar_copies copies) {
    const int32_t left = p->channels - begin, channels = left < TD_TILE_CHANNELS ? left : TD_TILE_CHANNELS;
    const int32_t blocks = (count + TD_TILE_PIXELS - 1) / TD_TILE_PIXELS;
    const int32_t reach = p->stride_width == 1 ? PLANAR_REACH - TD_TILE_PIXELS : PLANAR_REACH;
    const int32_t read = (blocks - 1) * TD_TILE_PIXELS * p->stride_width + reach;
    const int32_t there = left * p->channel_stride - p->input_start - x * p->stride_width;
    planar_windows windows;
    for (int i = 0; i < 3; i++) {
        const int is_outside = rows->channel_step[i] == 0; /* of the image: zero points, in the copies */
        windows.row[i] = is_outside ? copies[i][0] : rows->row[i] + begin * rows->channel_step[i] + x * p->stride_width;
        windows.channel_step[i] = rows->channel_step[i];
    }
    if (read + (TD_TILE_CHANNELS - 1) * p->channel_stride > there) {
        planar_copy(p, channels, there, &windows, copies);
    }
    return windows;
}

/* Eight pixels of all channels to interleaved output, `left` of each at most. */
TD_INLINE void planar_store(const td_depthwise_planar_params *p, const tile_results values[TD_TILE_CHANNELS],
                            int32_t channels, int32_t left, int8_t *to) {
    if (channels >= TD_TILE_CHANNELS) {
        int8_t beyond[TD_TILE_CHANNELS]; /* for pixels behind the last */
        int8_t *places[TD_TILE_PIXELS];
        TD_UNROLL
        for (int k = 0; k < TD_TILE_PIXELS; k++) {
            places[k] = k < left ? to + (ptrdiff_t)k * p->channels : beyond;
        }
        tile_store_pixels(values, places);
        return;
    }
    int8_t bytes[TD_TILE_CHANNELS * TD_TILE_PIXELS];
    tile_store_channels(values, bytes, TD_TILE_PIXELS);
    for (int32_t x = 0; x < TD_TILE_PIXELS && x < left; x++) {
        for (int32_t k = 0; k < channels; k++) {
            to[(ptrdiff_t)x * p->channels + k] = bytes[TD_TILE_PIXELS * k + x];
        }
    }
}

/* Up to eight channels of `count` pixels. `rounding` (that of the group) and `stride` are constants where this is inlined. */
TD_INLINE void planar_tile(const td_depthwise_planar_params *p, const planar_group *group,
                           const planar_windows *windows, int32_t channels, int32_t count, int32_t stride,
                           int32_t rounding, int8_t *output) {
    for (int32_t x = 0; x < count; x += TD_TILE_PIXELS) {
        tile_results values[TD_TILE_CHANNELS];
        const int8_t *in[3];
        TD_UNROLL
        for (int i = 0; i < 3; i++) {
            in[i] = windows->row[i] + x * stride;
        }
        TD_UNROLL
        for (int32_t k = 0; k < TD_TILE_CHANNELS; k++) {
            const tile_sums sums = planar_tile_sums(group, k, in, stride);
            if (rounding == TD_ROUND_ANY) {
                const td_requant requant = {group->factors[k].multiplier, -group->factors[k].shift};
                values[k] = tile_rescale_any(sums, requant, p->output_offset, p->output_min, p->output_max);
            } else {
                values[k] = tile_rescale(sums, &group->factors[k], rounding == TD_ROUND_POSITIVE);
            }
            TD_UNROLL
            for (int i = 0; i < 3; i++) {
                in[i] += windows->channel_step[i];
            }
        }
        planar_store(p, values, channels, count - x, output + (ptrdiff_t)x * p->channels);
    }
}

/* The same by a stride that is no constant, for a rare kind of rounding. */
__attribute__((noinline)) static void planar_tile_any(const td_depthwise_planar_params *p, const planar_group *group,
                                                      const planar_windows *windows, int32_t channels, int32_t count,
                                                      int8_t *output) {
    planar_tile(p, group, windows, channels, count, p->stride_width, TD_ROUND_ANY, output);
}

/* `groups` as planar_prepare_all left them. */
static void planar_row_in_tiles(const td_depthwise_planar_params *p, const planar_rows *rows,
                                planar_group groups[PLANAR_GROUPS], int8_t *output) {
    const int is_prepared = p->channels <= PLANAR_GROUPS * TD_TILE_CHANNELS;
    planar_copies copies;
    for (int i = 0; i < 3; i++) {
        if (rows->channel_step[i] == 0) {
            td_fill(p->outside[0], copies[i][0], PLANAR_BYTES);
        }
    }
    for (int32_t c = 0; c < p->channels; c += TD_TILE_CHANNELS) {
        const int32_t left = p->channels - c;
        planar_group *const group = is_prepared ? &groups[c / TD_TILE_CHANNELS] : groups;
        if (!is_prepared) {
            planar_prepare(p, c, group);
        }
        for (int32_t x = 0; x < p->output_width; x += PLANAR_PIXELS) {
            const int32_t count = p->output_width - x < PLANAR_PIXELS ? p->output_width - x : PLANAR_PIXELS;
            int8_t *const to = output + (ptrdiff_t)x * p->channels + c;
            const planar_windows windows = planar_find(p, rows, c, x, count, copies);
            if (!group->is_plain) {
                planar_tile_any(p, group, &windows, left, count, to);
            } else if (p->stride_width == 2) {
                planar_tile(p, group, &windows, left, count, 2, TD_ROUND_SHIFTED, to);
            } else if (p->output_offset == -128) {
                planar_tile(p, group, &windows, left, count, 1, TD_ROUND_POSITIVE, to);
            } else {
                planar_tile(p, group, &windows, left, count, 1, TD_ROUND_SHIFTED, to);
            }
        }
    }
}

static void planar_prepare_all(const td_depthwise_planar_params *p, planar_group groups[PLANAR_GROUPS]) {
    for (int32_t c = 0; c < p->channels && p->channels <= PLANAR_GROUPS * TD_TILE_CHANNELS; c += TD_TILE_CHANNELS) {
        planar_prepare(p, c, &groups[c / TD_TILE_CHANNELS]);
    }
}

#endif
#endif /* TD_DEPTHWISE_AVX2_H */
