/* td_conv_tile.h: CONV_2D in tiles of eight channels of eight pixels, where there are vector instructions. Not for
 * callers: a part of td_conv.c, which defines what it uses.
 *
 * What some blocks of eight pixels see is gathered in fours on the stack. Then, for one tile of channels after the
 * other, the weights are brought from the order of td_conv_block.h into that of td_conv_sums.h, and used for all these
 * blocks. */
#ifndef TD_CONV_TILE_H
#define TD_CONV_TILE_H

#include "td_conv_sums.h"

#ifdef TD_TILE

enum {
    TILE_PAIRS = TD_TILE_CHANNELS / 2,
    TILE_GROUPS = TD_TILE_PIXELS / TD_CONV_PIXELS, /* of four pixels in a block */
    TILE_BYTES = 16384,                            /* of gathered values */
    TILE_MAX_BLOCKS = 32,
#if defined(TD_TILE_WASM)
    TILE_IS_SMALL = 1 /* code counts: it is loaded over the network */
#else
    TILE_IS_SMALL = 0
#endif
};

typedef int16_t tile_v8s16 __attribute__((vector_size(16)));

/* What is the same for all tiles of a call. */
typedef struct {
    conv_runs runs;
    int32_t fours_of_run, fours; /* of a run and of the window; a run is filled up to TILE_FOURS of them */
    int32_t is_unsigned;
    int32_t flip; /* 128 where the values are gathered as values + 128 modulo 256, else 0 */
} tile_window;

/* Eight pixels: their places in the output, and which of the two fours lie in one row. */
typedef struct {
    int8_t *places[TD_TILE_PIXELS];
    int is_in_row[TILE_GROUPS], are_adjacent; /* all eight */
} tile_block;

TD_INLINE tile_window tile_window_of(const td_conv_params *p, int is_unsigned) {
    tile_window window = {conv_runs_of(p), 0, 0, is_unsigned, 0};
    window.fours_of_run = (window.runs.length + 4 * TILE_FOURS - 1) / (4 * TILE_FOURS) * TILE_FOURS;
    window.fours = window.runs.rows * window.runs.columns * window.fours_of_run;
    window.flip = is_unsigned ? TD_CONV_FLIP_U8 : TD_CONV_FLIP_S8;
    return window;
}

/* The last values of a run, fewer than eight, in the order of whole fours: the very last come as they are. */
TD_INLINE tile_v16s8 tile_last_pairs(const int8_t *from, int32_t count) {
    uint32_t two[TILE_PAIRS] = {0, 0, 0, 0}; /* values of both channels */
    for (int32_t i = 0; 2 * i < count; i++) {
        two[i] = (uint32_t)((const tile_word *)(const void *)from)[i];
        two[i] = 2 * i + 1 < count ? two[i] : two[i] & 0xFFFF;
    }
    if (count & 3) {
        uint32_t *const last = two + (count >> 2) * 2;
        const uint32_t first = (last[0] & 0xFFFF) | last[1] << 16;
        last[1] = last[0] >> 16 | (last[1] & 0xFFFF0000u);
        last[0] = first;
    }
    return *(const tile_v16s8_at *)(const void *)two;
}

/* Eight values of a pair of channels, as the instructions take them. */
TD_INLINE tile_v16s8 tile_apart(tile_v16s8 pairs, int is_joined, tile_v16s8 *lowest) {
    if (is_joined) { /* the upper byte is one too low where the lower one is negative */
        pairs -= (tile_v16s8)((tile_v8s16)pairs << 8) < 0;
    }
#if defined(TD_CONV_HALVES) || defined(TD_TILE_WASM)
    *lowest |= pairs == -128;
#else
    (void)lowest;
#endif
    return pairs;
}

/* A run of a pair of channels, but for its first `begin` eights; `to` is at the first one of the channels. */
TD_INLINE void tile_run_weights(const int8_t *from, const tile_window *window, int is_joined, int32_t begin, int8_t *to,
                                int *has_lowest) {
    const int32_t length = window->runs.length;
    tile_v16s8 lowest = {0};
    from += 16 * begin;
    to += 2 * TILE_WEIGHT_BYTES * begin;
    TD_UNROLL_TWICE
    for (int32_t i = begin; i < length >> 3; i++, from += 16, to += 2 * TILE_WEIGHT_BYTES) {
        tile_put_eights(to, tile_apart(*(const tile_v16s8_at *)from, is_joined, &lowest));
    }
    if (length & 7) {
        const tile_v16s8 last = tile_apart(tile_last_pairs(from, length & 7), is_joined, &lowest);
#if !defined(TD_CONV_HALVES) && !defined(TD_CONV_EIGHTS)
        if ((length & 7) <= 4) { /* behind it lies the next run */
            tile_put_four(to, last);
        } else
#endif
        {
            tile_put_eights(to, last);
        }
    }
    const tile_v2s64 any = (tile_v2s64)lowest; /* where it matters */
    *has_lowest |= (any[0] | any[1]) != 0;
}

#if defined(TD_TILE_AVX2)
/* As many values of a run as are whole eights, of four pairs of channels, which lie `pair_bytes` apart. Gives `sums` and
 * the weights of each channel. */
TD_INLINE __m256i tile_run_eights(const int8_t *from, ptrdiff_t pair_bytes, int32_t eights, int is_joined, int8_t *to,
                                  __m256i sums) {
    const __m256i order = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 4, 2, 6, 1, 5, 3, 7, 8, 12, 10, 14, 9, 13, 11, 15));
    __m256i more = _mm256_setzero_si256();
    for (int32_t i = 0; i < eights; i++, from += 16, to += 2 * TILE_WEIGHT_BYTES) {
        __m256i pairs[2]; /* the first and third pair, the second and fourth */
        TD_UNROLL
        for (int k = 0; k < 2; k++) {
            const __m128i_u *const low = (const __m128i_u *)(const void *)(from + k * pair_bytes);
            const __m128i_u *const high = (const __m128i_u *)(const void *)(from + (k + 2) * pair_bytes);
            pairs[k] = _mm256_set_m128i(_mm_loadu_si128(high), _mm_loadu_si128(low));
            if (is_joined) { /* the upper byte is one too low where the lower one is negative */
                const __m256i lower = _mm256_slli_epi16(pairs[k], 8);
                pairs[k] = _mm256_sub_epi8(pairs[k], _mm256_cmpgt_epi8(_mm256_setzero_si256(), lower));
            }
            pairs[k] = _mm256_shuffle_epi8(pairs[k], order);
        }
        const __m256i first = _mm256_unpacklo_epi64(pairs[0], pairs[1]);
        const __m256i second = _mm256_unpackhi_epi64(pairs[0], pairs[1]);
        _mm256_storeu_si256((__m256i_u *)(void *)to, first);
        _mm256_storeu_si256((__m256i_u *)(void *)(to + TILE_WEIGHT_BYTES), second);
        sums = conv_add_fours(sums, first);
        more = conv_add_fours(more, second);
    }
    return _mm256_add_epi32(sums, more);
}
#endif

/* What is added to the sums of flipped values. */
TD_INLINE void tile_flip_starts(const tile_window *window, const int32_t sums[TD_TILE_CHANNELS], tile_weights *tile) {
    for (int32_t c = 0; c < TD_TILE_CHANNELS; c++) {
        const int32_t more = 128 * sums[c];
        tile->starts[c] = (int32_t)((uint32_t)tile->starts[c] + (uint32_t)(window->is_unsigned ? more : -more));
    }
}

/* How the sums are rescaled: a tile may be plain where other channels of the operator are not. */
TD_INLINE void tile_prepare_factors(const td_conv_params *p, tile_weights *tile) {
    tile->is_plain = p->output_min == -128 && p->output_max == 127;
    for (int k = 0; k < TD_TILE_CHANNELS; k++) {
        tile->is_plain &= tile_factor_fits(tile->starts[k], tile->shifts[k], p->output_offset);
    }
#if !defined(TD_TILE_NEON)
    for (int k = 0; tile->is_plain && k < TD_TILE_CHANNELS; k++) {
        tile->factors[k] = tile_factor_of(tile->multipliers[k], tile->shifts[k], p->output_offset);
    }
#endif
}

/* Weights of four pairs of channels from `first` on; zeros for those that there are not. */
TD_CONV_SHARED void tile_load_weights(const td_conv_params *p, const tile_window *window, int32_t first,
                                 tile_weights *tile) {
    const conv_runs *runs = &window->runs;
    const int32_t pairs = (p->output_channels + 1) / 2, run_bytes = 4 * runs->pairs;
    const int32_t num_runs = runs->rows * runs->columns, to_next_run = window->fours_of_run * TILE_WEIGHT_BYTES;
#if defined(TD_TILE_AVX2) /* all four pairs: eights of them together, over what is written too much of ends */
    const int32_t begin = first + TILE_PAIRS <= pairs ? runs->length >> 3 : 0;
#else
    const int32_t begin = 0;
#endif
    int32_t sums[TD_TILE_CHANNELS];
    tile->has_lowest = 0;
    for (int32_t k = 0; k < TILE_PAIRS; k++) {
        int8_t *to = tile->weights + tile_weight_place(2 * k, 0);
        if (first + k >= pairs) {
            for (int32_t i = 0; i < 4 * window->fours; i++) {
                tile_put_weight(to, 0, i, 0);
                tile_put_weight(to, 1, i, 0);
            }
            tile->starts[2 * k] = tile->starts[2 * k + 1] = 0;
            tile->multipliers[2 * k] = tile->multipliers[2 * k + 1] = 0;
            tile->shifts[2 * k] = tile->shifts[2 * k + 1] = 1;
            continue;
        }
        const int8_t *from = p->weights + (ptrdiff_t)(first + k) * num_runs * run_bytes;
        for (int32_t r = 0; r < num_runs; r++) {
            tile_run_weights(from + r * run_bytes, window, p->is_joined, begin, to + r * to_next_run,
                             &tile->has_lowest);
        }
        const td_conv_channels *both = &p->channels[first + k];
        tile->starts[2 * k] = both->first_bias;
        tile->starts[2 * k + 1] = both->second_bias;
        tile->multipliers[2 * k] = (int32_t)((uint32_t)both->first_multiplier >> 1);
        tile->multipliers[2 * k + 1] = (int32_t)((uint32_t)both->second_multiplier >> 1);
        tile->shifts[2 * k] = both->first_shift + 1;
        tile->shifts[2 * k + 1] = both->second_shift + 1;
    }
#if defined(TD_TILE_AVX2)
    const ptrdiff_t pair_bytes = (ptrdiff_t)num_runs * run_bytes;
    __m256i all = _mm256_setzero_si256();
    for (int32_t r = 0; begin > 0 && r < num_runs; r++) {
        all = tile_run_eights(p->weights + first * pair_bytes + r * run_bytes, pair_bytes, begin, p->is_joined,
                              tile->weights + r * to_next_run, all);
    }
    tile_spill(all, sums);
#endif
    if (window->flip) {
        if (begin == 0 || (runs->length & 7) != 0) { /* else known from the eights */
            conv_weight_sums(tile, window->fours, sums);
        }
        tile_flip_starts(window, sums, tile);
    }
    tile_prepare_factors(p, tile);
}

/* Sixteen values of four pixels as four times four of each. */
TD_INLINE void tile_gather_sixteen(const uint8_t *const in[TD_CONV_PIXELS], int32_t at, int32_t flip, int8_t *out) {
#if defined(TD_TILE_NEON)
    const uint8x16_t all = vdupq_n_u8((uint8_t)flip);
    uint32x4x4_t v;
    for (int k = 0; k < TD_CONV_PIXELS; k++) {
        v.val[k] = vreinterpretq_u32_u8(veorq_u8(vld1q_u8(in[k] + at), all));
    }
#if defined(TD_CONV_HALVES)
    const uint32x4x2_t first = vzipq_u32(v.val[0], v.val[1]), second = vzipq_u32(v.val[2], v.val[3]);
    vst1q_u8((uint8_t *)out, vreinterpretq_u8_u32(first.val[0]));
    vst1q_u8((uint8_t *)out + 16, vreinterpretq_u8_u32(second.val[0]));
    vst1q_u8((uint8_t *)out + tile_four_place(2), vreinterpretq_u8_u32(first.val[1]));
    vst1q_u8((uint8_t *)out + tile_four_place(2) + 16, vreinterpretq_u8_u32(second.val[1]));
#elif defined(TD_CONV_EIGHTS)
    for (int k = 0; k < TD_CONV_PIXELS; k += 2) {
        const uint64x2_t a = vreinterpretq_u64_u32(v.val[k]), b = vreinterpretq_u64_u32(v.val[k + 1]);
        vst1q_u8((uint8_t *)out + tile_pixel_place(k), vreinterpretq_u8_u64(vzip1q_u64(a, b)));
        vst1q_u8((uint8_t *)out + tile_four_place(2) + tile_pixel_place(k), vreinterpretq_u8_u64(vzip2q_u64(a, b)));
    }
#else
    vst4q_u32((uint32_t *)(void *)out, v);
#endif
#elif defined(TD_TILE_WASM)
    v128_t v[TD_CONV_PIXELS];
    for (int k = 0; k < TD_CONV_PIXELS; k++) {
        v[k] = wasm_v128_xor(wasm_v128_load(in[k] + at), wasm_i8x16_splat((int8_t)flip));
    }
    const v128_t low_01 = wasm_i32x4_shuffle(v[0], v[1], 0, 4, 1, 5), low_23 = wasm_i32x4_shuffle(v[2], v[3], 0, 4, 1, 5);
    const v128_t high_01 = wasm_i32x4_shuffle(v[0], v[1], 2, 6, 3, 7), high_23 = wasm_i32x4_shuffle(v[2], v[3], 2, 6, 3, 7);
    wasm_v128_store(out, wasm_i64x2_shuffle(low_01, low_23, 0, 2));
    wasm_v128_store(out + tile_four_place(1), wasm_i64x2_shuffle(low_01, low_23, 1, 3));
    wasm_v128_store(out + tile_four_place(2), wasm_i64x2_shuffle(high_01, high_23, 0, 2));
    wasm_v128_store(out + tile_four_place(3), wasm_i64x2_shuffle(high_01, high_23, 1, 3));
#else
    const __m128i all = _mm_set1_epi8((char)flip);
    __m128i v[TD_CONV_PIXELS];
    for (int k = 0; k < TD_CONV_PIXELS; k++) {
        v[k] = _mm_xor_si128(_mm_loadu_si128((const __m128i_u *)(const void *)(in[k] + at)), all);
    }
    const __m128i low_01 = _mm_unpacklo_epi32(v[0], v[1]), high_01 = _mm_unpackhi_epi32(v[0], v[1]);
    const __m128i low_23 = _mm_unpacklo_epi32(v[2], v[3]), high_23 = _mm_unpackhi_epi32(v[2], v[3]);
    _mm_storeu_si128((__m128i_u *)(void *)out, _mm_unpacklo_epi64(low_01, low_23));
    _mm_storeu_si128((__m128i_u *)(void *)(out + tile_four_place(1)), _mm_unpackhi_epi64(low_01, low_23));
    _mm_storeu_si128((__m128i_u *)(void *)(out + tile_four_place(2)), _mm_unpacklo_epi64(high_01, high_23));
    _mm_storeu_si128((__m128i_u *)(void *)(out + tile_four_place(3)), _mm_unpackhi_epi64(high_01, high_23));
#endif
}

/* Up to three values of a run from place `at` on, as a word; what is too much of it meets weights of 0. */
TD_INLINE tile_word tile_last_values(const uint8_t *in, int32_t at, int32_t length, int32_t flip) {
    const int32_t left = length - at;
    if (left <= 0) {
        return 0;
    }
    if (length >= 4) { /* the last four, the first of which are known already */
        const uint32_t last = (uint32_t) * (const tile_word *)(const void *)(in + length - 4);
        return (tile_word)((last ^ 0x01010101u * (uint32_t)flip) >> 8 * (4 - left));
    }
    uint32_t word = 0;
    for (int32_t n = 0; n < left; n++) {
        word |= (uint32_t)(in[at + n] ^ flip) << 8 * n;
    }
    return (tile_word)word;
}

/* A run of four pixels, filled up to `fours`. `there` bytes can be read from its start on: those behind the run meet
 * weights of 0, and what they leave behind it in `out` is overwritten, or lies behind all. */
TD_INLINE void tile_gather_run(const uint8_t *const in[TD_CONV_PIXELS], int32_t length, int32_t fours, int32_t flip,
                               int32_t there, int8_t *out) {
    int32_t i = 0;
#if defined(TD_TILE_AVX2)
    for (; i < length && i + 16 <= there; i += 16) {
        tile_gather_sixteen(in, i, flip, out + tile_four_place(i >> 2));
    }
#endif
    (void)there;
    for (; i + 16 <= length; i += 16) {
        tile_gather_sixteen(in, i, flip, out + tile_four_place(i >> 2));
    }
    for (; i + 4 <= length; i += 4) {
        int8_t *const to = out + tile_four_place(i >> 2);
        for (int k = 0; k < TD_CONV_PIXELS; k++) {
            const tile_word word = *(const tile_word *)(const void *)(in[k] + i);
            *(tile_word *)(void *)(to + tile_pixel_place(k)) = word ^ (int32_t)(0x01010101u * (uint32_t)flip);
        }
    }
    for (; i < 4 * fours; i += 4) {
        int8_t *const to = out + tile_four_place(i >> 2);
        for (int k = 0; k < TD_CONV_PIXELS; k++) {
            *(tile_word *)(void *)(to + tile_pixel_place(k)) = tile_last_values(in[k], i, length, flip);
        }
    }
}

/* A run that lies partly or (row NULL) completely outside the image. */
static void tile_clip_run(const td_conv_params *p, const uint8_t *row, int32_t x, int32_t pixels, uint8_t *to) {
    const int8_t zero_point = (int8_t)p->input_zero_point;
    for (int32_t i = x; i < x + pixels; i++, to += p->input_channels) {
        if (row != NULL && i >= 0 && i < p->input_width) {
            td_copy((const int8_t *)row + (ptrdiff_t)i * p->input_channels, (int8_t *)to, p->input_channels);
        } else {
            td_fill(zero_point, (int8_t *)to, p->input_channels);
        }
    }
}

/* Where a run of each of four pixels begins, clipped copies of those that lie partly outside the image. */
TD_CONV_SHARED void tile_find_runs(const td_conv_params *p, const conv_runs *runs, const uint8_t *input,
                                   const conv_pixels *pixels, int32_t i, int32_t j,
                                   uint8_t clipped[TD_CONV_PIXELS][4 * TILE_MAX_FOURS],
                                   const uint8_t *in[TD_CONV_PIXELS]) {
    for (int32_t k = 0; k < TD_CONV_PIXELS; k++) {
        const conv_pixel pixel = conv_pixel_of(p, pixels, k);
        const uint8_t *row = conv_input_row(p, input, pixel.y * p->stride_height - p->pad_top + i);
        const int32_t column = pixel.x * p->stride_width - p->pad_left + j;
        if (row != NULL && column >= 0 && column + runs->pixels <= p->input_width) {
            in[k] = row + (ptrdiff_t)column * p->input_channels;
        } else {
            in[k] = clipped[k];
            tile_clip_run(p, row, column, runs->pixels, clipped[k]);
        }
    }
}

/* What four pixels see. */
TD_INLINE void tile_gather(const td_conv_params *p, const tile_window *window, const uint8_t *input,
                           const conv_pixels *pixels, int8_t *out) {
    uint8_t clipped[TD_CONV_PIXELS][4 * TILE_MAX_FOURS];
    const conv_runs *runs = &window->runs;
    const ptrdiff_t step = p->stride_width * p->input_channels;
    const int32_t y = pixels->y * p->stride_height - p->pad_top, x = pixels->x * p->stride_width - p->pad_left;
    const int32_t last = p->input_width - (TD_CONV_PIXELS - 1) * p->stride_width - runs->pixels;
    for (int32_t i = 0; i < runs->rows; i++) {
        const uint8_t *row = conv_input_row(p, input, y + i * p->dilation_height);
        for (int32_t j = 0; j < runs->columns; j++, out += tile_four_place(window->fours_of_run)) {
            const uint8_t *in[TD_CONV_PIXELS];
            const int32_t column = x + j * p->dilation_width;
            int32_t there = 0;
            if (pixels->is_in_row && row != NULL && column >= 0 && column <= last) {
                in[0] = row + (ptrdiff_t)column * p->input_channels;
                in[1] = in[0] + step;
                in[2] = in[1] + step;
                in[3] = in[2] + step;
                there = (last - column + runs->pixels) * p->input_channels;
            } else {
                tile_find_runs(p, runs, input, pixels, i * p->dilation_height, j * p->dilation_width, clipped, in);
            }
            tile_gather_run(in, runs->length, window->fours_of_run, window->flip, there, out);
        }
    }
}

#if !defined(TD_TILE_NEON)
/* The values of all channels where the tile is plain. */
TD_INLINE void tile_plain_outputs(const tile_weights *tile, int32_t offset, int is_positive,
                                  const tile_sums sums[TD_TILE_CHANNELS], tile_results values[TD_TILE_CHANNELS]) {
    (void)offset;
    TD_UNROLL
    for (int k = 0; k < TD_TILE_CHANNELS; k++) {
        values[k] = tile_rescale(sums[k], &tile->factors[k], is_positive);
    }
}
#else
/* The values of all channels where the tile is plain. */
TD_INLINE void tile_plain_outputs(const tile_weights *tile, int32_t offset, int is_positive,
                                  const tile_sums sums[TD_TILE_CHANNELS], tile_values values[TD_TILE_CHANNELS]) {
    TD_UNROLL
    for (int half = 0; half < TD_TILE_CHANNELS; half += 4) {
        const tile_four_numbers multipliers = tile_load_four(tile->multipliers + half);
        const tile_four_numbers shifts = tile_load_four(tile->shifts + half);
        TD_UNROLL
        for (int k = 0; k < 4; k++) {
            const tile_factor factor = {multipliers[k], shifts[k], offset, is_positive};
            values[half + k] = tile_rescale(sums[half + k], factor);
        }
    }
}
#endif

/* Values of one channel to places that are not adjacent, or not all there. */
TD_INLINE void tile_store_channel(const tile_block *block, const int8_t *bytes, ptrdiff_t at, int is_planar) {
    for (int g = 0; g < TILE_GROUPS; g++) {
        int8_t *const *places = block->places + TD_CONV_PIXELS * g;
        const int8_t *from = bytes + TD_CONV_PIXELS * g;
        if (is_planar && block->is_in_row[g]) {
            *(tile_word *)(void *)(places[0] + at) = *(const tile_word *)(const void *)from;
            continue;
        }
        for (int k = 0; k < TD_CONV_PIXELS; k++) {
            places[k][at] = from[k];
        }
    }
}

/* A tile that is not full, or whose pixels are not adjacent. */
TD_CONV_SHARED void tile_store_some(const td_conv_params *p, const tile_block *block,
                                    const int8_t bytes[TD_TILE_CHANNELS * TD_TILE_PIXELS], int32_t first) {
    const int32_t whole = p->output_channels / 2, pairs = (p->output_channels + 1) / 2;
    const int is_planar = p->pixel_stride == 1 && p->output_channels > 1;
    for (int k = 0; k < TD_TILE_CHANNELS; k++) {
        const int32_t pair = first + k / 2, is_last = pair == whole; /* of an odd number: its second one */
        if (pair < pairs && (!is_last || k % 2)) {
            const ptrdiff_t at = (ptrdiff_t)(2 * pair + (is_last ? 0 : k % 2)) * p->channel_stride;
            tile_store_channel(block, bytes + k * TD_TILE_PIXELS, at, is_planar);
        }
    }
}

/* Four pairs of channels of one block to their places. */
TD_INLINE void tile_put(const td_conv_params *p, const tile_block *block, const tile_results values[TD_TILE_CHANNELS],
                        int32_t first) {
    const int is_planar = p->pixel_stride == 1 && p->output_channels > 1;
    const int is_full = first + TILE_PAIRS <= p->output_channels / 2;
    if (is_full && p->channel_stride == 1) {
        int8_t *to[TD_TILE_PIXELS];
        TD_UNROLL
        for (int k = 0; k < TD_TILE_PIXELS; k++) {
            to[k] = block->places[k] + 2 * first;
        }
        tile_store_pixels(values, to);
    } else if (is_full && is_planar && block->are_adjacent) {
        tile_store_channels(values, block->places[0] + (ptrdiff_t)2 * first * p->channel_stride, p->channel_stride);
    } else {
        int8_t bytes[TD_TILE_CHANNELS * TD_TILE_PIXELS];
        tile_store_channels(values, bytes, TD_TILE_PIXELS);
        tile_store_some(p, block, bytes, first);
    }
}

/* The same from the sums on. `is_positive` is a constant where this is inlined. */
TD_INLINE void tile_compute_plain(const td_conv_params *p, const tile_block *block, const int8_t *gathered,
                                  int32_t fours, const tile_weights *tile, int32_t first, int is_positive) {
    tile_sums sums[TD_TILE_CHANNELS];
    tile_results values[TD_TILE_CHANNELS];
    conv_tile_sums(gathered, tile, fours, sums);
    tile_plain_outputs(tile, is_positive ? -128 : p->output_offset, is_positive, sums, values);
    tile_put(p, block, values, first);
}

/* Where the factors may be any. */
TD_CONV_SHARED void tile_compute_any(const td_conv_params *p, const tile_block *block, const int8_t *gathered,
                                     int32_t fours, const tile_weights *tile, int32_t first) {
    tile_sums sums[TD_TILE_CHANNELS];
    tile_results values[TD_TILE_CHANNELS];
    conv_tile_sums(gathered, tile, fours, sums);
    for (int k = 0; k < TD_TILE_CHANNELS; k++) {
        const td_requant requant = {tile->multipliers[k], -tile->shifts[k]};
        values[k] = tile_rescale_any(sums[k], requant, p->output_offset, p->output_min, p->output_max);
    }
    tile_put(p, block, values, first);
}

/* Four pairs of channels of all blocks. */
TD_INLINE void tile_compute(const td_conv_params *p, const tile_block *blocks, int32_t count, const int8_t *gathered,
                            int32_t fours, const tile_weights *tile, int32_t first) {
    const int32_t block_bytes = fours * TILE_FOUR_BYTES;
    if (!tile->is_plain) {
        for (int32_t i = 0; i < count; i++) {
            tile_compute_any(p, &blocks[i], gathered + block_bytes * i, fours, tile, first);
        }
    } else if (!TILE_IS_SMALL && p->output_offset == -128) {
        for (int32_t i = 0; i < count; i++) {
            tile_compute_plain(p, &blocks[i], gathered + block_bytes * i, fours, tile, first, 1);
        }
    } else {
        for (int32_t i = 0; i < count; i++) {
            tile_compute_plain(p, &blocks[i], gathered + block_bytes * i, fours, tile, first, 0);
        }
    }
}

TD_INLINE void tile_place(const td_conv_params *p, int8_t *output, const conv_pixels groups[TILE_GROUPS],
                          tile_block *block) {
    for (int g = 0; g < TILE_GROUPS; g++) {
        conv_place_output(p, output, &groups[g], block->places + TD_CONV_PIXELS * g);
        block->is_in_row[g] = groups[g].is_in_row;
    }
    block->are_adjacent = groups[0].is_in_row && groups[1].is_in_row && groups[0].y == groups[1].y &&
                          groups[0].x + TD_CONV_PIXELS == groups[1].x;
}

/* Whether a window is small enough. */
TD_INLINE int conv_tile_fits(const td_conv_params *p) {
    return tile_window_of(p, 0).fours <= TILE_MAX_FOURS;
}

TD_CONV_SHARED void conv_tile_rows(const td_conv_params *p, const uint8_t *input, int is_unsigned, int8_t *output,
                                   int32_t y_begin, int32_t y_end) {
    int8_t gathered[TILE_BYTES + 4 * TILE_FOUR_BYTES] __attribute__((aligned(64)));
    conv_pixels groups[TILE_MAX_BLOCKS][TILE_GROUPS];
    tile_block blocks[TILE_MAX_BLOCKS];
    tile_weights tile;
    const tile_window window = tile_window_of(p, is_unsigned);
    const int32_t block_bytes = window.fours * TILE_FOUR_BYTES, next_group = tile_group_step(window.fours);
    const int32_t at_once = TILE_BYTES / block_bytes < TILE_MAX_BLOCKS ? TILE_BYTES / block_bytes : TILE_MAX_BLOCKS;
    conv_pixels pixels = {y_begin, 0, 0, 0};
    int32_t left = (y_end - y_begin) * p->output_width;
    while (left > 0) {
        int32_t count = 0;
        for (; count < at_once && left > 0; count++) {
            for (int g = 0; g < TILE_GROUPS; g++) {
                if (left > 0) { /* else the group before is repeated */
                    conv_next_pixels(p, &pixels, &left);
                    groups[count][g] = pixels;
                } else {
                    groups[count][g] = groups[count][g - 1];
                }
                tile_gather(p, &window, input, &groups[count][g], gathered + block_bytes * count + next_group * g);
            }
        }
        /* All that these pixels see has been read: from here on, its rows may be written to. */
        for (int32_t i = 0; i < count; i++) {
            tile_place(p, output, groups[i], &blocks[i]);
        }
        for (int32_t first = 0; 2 * first < p->output_channels; first += TILE_PAIRS) {
            tile_load_weights(p, &window, first, &tile);
            tile_compute(p, blocks, count, gathered, window.fours, &tile, first);
        }
    }
}

#endif
#endif /* TD_CONV_TILE_H */
