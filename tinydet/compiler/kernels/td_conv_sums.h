/* td_conv_sums.h: the sums of a tile of a CONV_2D, for each kind of vector instructions. Not for callers.
 *
 * `in` holds the values that eight pixels see, and `tile` the weights of eight channels, in fours: four values of a
 * window that are one word. tile_pixel_place, tile_four_place and tile_weight_place say in which order. */
#ifndef TD_CONV_SUMS_H
#define TD_CONV_SUMS_H

#include "td_tile.h"

#ifdef TD_TILE

#if defined(TD_TILE_NEON) && !defined(TD_TILE_NEON_DOT)
#define TD_CONV_HALVES 1 /* products of two fours are added as int16 */
#endif
#if defined(TD_TILE_NEON_DOT) && defined(__ARM_FEATURE_MATMUL_INT8)
#define TD_CONV_EIGHTS 1 /* products of two rows of eight values and two columns */
#endif

/* What must be added to the values of an input of each type, modulo 256, so that `in` holds what the instructions
 * take. */
#if defined(TD_TILE_VNNI)
#define TD_CONV_FLIP_U8 0
#define TD_CONV_FLIP_S8 128
#else
#define TD_CONV_FLIP_U8 128
#define TD_CONV_FLIP_S8 0
#endif

#ifdef TD_CONV_HALVES
enum { TILE_FOURS = 2, TILE_WEIGHT_BYTES = 8 * TD_TILE_CHANNELS };
#elif defined(TD_CONV_EIGHTS)
enum { TILE_FOURS = 2, TILE_WEIGHT_BYTES = 4 * TD_TILE_CHANNELS };
#else
enum { TILE_FOURS = 1, TILE_WEIGHT_BYTES = 4 * TD_TILE_CHANNELS };
#endif
/* TILE_FOURS: a run is filled up to a multiple of so many. TILE_WEIGHT_BYTES: of the weights of a tile, for a four. */
enum {
    TILE_FOUR_BYTES = 4 * TD_TILE_PIXELS, /* of a block of pixels, for a four */
    TILE_MAX_FOURS = 320                  /* of a window; larger ones go the portable way */
};

/* What belongs to eight channels. */
typedef struct {
    int8_t weights[TILE_MAX_FOURS * TILE_WEIGHT_BYTES] __attribute__((aligned(64)));
    int32_t starts[TD_TILE_CHANNELS];
    int32_t multipliers[TD_TILE_CHANNELS], shifts[TD_TILE_CHANNELS]; /* of tile_factor */
#if !defined(TD_TILE_NEON)
    tile_factor factors[TD_TILE_CHANNELS]; /* the same */
#endif
    int is_plain;   /* tile_rescale gives the values */
    int has_lowest; /* a weight is -128 */
} tile_weights;

typedef int8_t tile_v16s8 __attribute__((vector_size(16)));
typedef int64_t tile_v2s64 __attribute__((vector_size(16)));
typedef tile_v16s8 tile_v16s8_at __attribute__((aligned(1), may_alias));
typedef int64_t tile_s64_at __attribute__((aligned(1), may_alias));

#ifdef TD_CONV_HALVES

/* [fours / 2][pixels / 2][2 fours][2 pixels] and [fours / 2][channels][2 fours][twice]: the halves of a vector are
 * those of two fours. */
TD_INLINE int32_t tile_pixel_place(int32_t pixel) {
    return (pixel >> 1) * 16 + (pixel & 1) * 4;
}

TD_INLINE int32_t tile_four_place(int32_t four) {
    return (four >> 1) * (2 * TILE_FOUR_BYTES) + (four & 1) * 8;
}

TD_INLINE int32_t tile_weight_place(int32_t channel, int32_t four) {
    return (four >> 1) * (2 * TILE_WEIGHT_BYTES) + channel * 16 + (four & 1) * 8;
}

TD_INLINE void tile_put_weight(int8_t *to, int32_t channel, int32_t index, int8_t weight) {
    int8_t *place = to + tile_weight_place(channel, index >> 2) + (index & 3);
    place[0] = place[4] = weight;
}

/* Two fours of two channels: {first, second} of values 0, 2, 1, 3 and 4, 6, 5, 7. */
TD_INLINE void tile_put_eights(int8_t *to, tile_v16s8 pairs) {
    *(tile_v16s8_at *)to =
        __builtin_shufflevector(pairs, pairs, 0, 4, 2, 6, 0, 4, 2, 6, 8, 12, 10, 14, 8, 12, 10, 14);
    *(tile_v16s8_at *)(to + 16) =
        __builtin_shufflevector(pairs, pairs, 1, 5, 3, 7, 1, 5, 3, 7, 9, 13, 11, 15, 9, 13, 11, 15);
}

#elif defined(TD_CONV_EIGHTS)

/* [fours / 2][pixels / 2][2 pixels][2 fours] and [fours / 2][channels / 2][2 channels][2 fours]. */
TD_INLINE int32_t tile_pixel_place(int32_t pixel) {
    return 8 * pixel;
}

TD_INLINE int32_t tile_four_place(int32_t four) {
    return (four >> 1) * (2 * TILE_FOUR_BYTES) + (four & 1) * 4;
}

TD_INLINE int32_t tile_weight_place(int32_t channel, int32_t four) {
    return (four >> 1) * (2 * TILE_WEIGHT_BYTES) + channel * 8 + (four & 1) * 4;
}

TD_INLINE void tile_put_weight(int8_t *to, int32_t channel, int32_t index, int8_t weight) {
    to[tile_weight_place(channel, index >> 2) + (index & 3)] = weight;
}

/* Two fours of two channels: {first, second} of values 0, 2, 1, 3 and 4, 6, 5, 7. */
TD_INLINE void tile_put_eights(int8_t *to, tile_v16s8 pairs) {
    *(tile_v16s8_at *)to =
        __builtin_shufflevector(pairs, pairs, 0, 4, 2, 6, 8, 12, 10, 14, 1, 5, 3, 7, 9, 13, 11, 15);
}

#else

/* [fours][pixels], the pixels in two groups of four one after the other where there is a vector for each, and
 * [fours][channels]. */
#if defined(TD_TILE_NEON)
enum { TILE_SIDE = 4 };
#else
enum { TILE_SIDE = 8 };
#endif

TD_INLINE int32_t tile_pixel_place(int32_t pixel) {
    return 4 * pixel;
}

TD_INLINE int32_t tile_four_place(int32_t four) {
    return four * 4 * TILE_SIDE;
}

TD_INLINE int32_t tile_weight_place(int32_t channel, int32_t four) {
    return four * TILE_WEIGHT_BYTES + 4 * channel;
}

TD_INLINE void tile_put_weight(int8_t *to, int32_t channel, int32_t index, int8_t weight) {
    to[tile_weight_place(channel, index >> 2) + (index & 3)] = weight;
}

TD_INLINE void tile_put_eights(int8_t *to, tile_v16s8 pairs) {
    const tile_v2s64 fours =
        (tile_v2s64)__builtin_shufflevector(pairs, pairs, 0, 4, 2, 6, 1, 5, 3, 7, 8, 12, 10, 14, 9, 13, 11, 15);
    *(tile_s64_at *)to = fours[0];
    *(tile_s64_at *)(to + TILE_WEIGHT_BYTES) = fours[1];
}

/* Only the first four. */
TD_INLINE void tile_put_four(int8_t *to, tile_v16s8 pairs) {
    *(tile_s64_at *)to = ((tile_v2s64)__builtin_shufflevector(pairs, pairs, 0, 4, 2, 6, 1, 5, 3, 7, 8, 12, 10, 14, 9,
                                                              13, 11, 15))[0];
}

#endif

/* From the first pixel of a block to the fifth. */
TD_INLINE int32_t tile_group_step(int32_t fours) {
#if defined(TD_TILE_NEON) && !defined(TD_CONV_HALVES) && !defined(TD_CONV_EIGHTS)
    return 4 * TILE_SIDE * fours;
#else
    (void)fours;
    return tile_pixel_place(4);
#endif
}

#if defined(TD_CONV_EIGHTS)

/* A sum holds two channels of two pixels: {first pixel, second pixel} of the first channel, then of the second. */
#define TD_CONV_SUM(pair)                                                                                   \
    int32x4_t pixels_01_##pair = vzip1q_s32(starts[pair / 2], starts[pair / 2]);                            \
    if (pair % 2) {                                                                                         \
        pixels_01_##pair = vzip2q_s32(starts[pair / 2], starts[pair / 2]);                                  \
    }                                                                                                       \
    int32x4_t pixels_23_##pair = pixels_01_##pair, pixels_45_##pair = pixels_01_##pair;                     \
    int32x4_t pixels_67_##pair = pixels_01_##pair
#define TD_CONV_PRODUCTS(pair)                                        \
    do {                                                              \
        const int8x16_t w = vld1q_s8(weights + 16 * pair);            \
        pixels_01_##pair = vmmlaq_s32(pixels_01_##pair, w, in_01);    \
        pixels_23_##pair = vmmlaq_s32(pixels_23_##pair, w, in_23);    \
        pixels_45_##pair = vmmlaq_s32(pixels_45_##pair, w, in_45);    \
        pixels_67_##pair = vmmlaq_s32(pixels_67_##pair, w, in_67);    \
    } while (0)
#define TD_CONV_SUMMED(pair)                                                            \
    sums[2 * pair].low = conv_halves(pixels_01_##pair, pixels_23_##pair, 0);            \
    sums[2 * pair].high = conv_halves(pixels_45_##pair, pixels_67_##pair, 0);           \
    sums[2 * pair + 1].low = conv_halves(pixels_01_##pair, pixels_23_##pair, 1);        \
    sums[2 * pair + 1].high = conv_halves(pixels_45_##pair, pixels_67_##pair, 1)

TD_INLINE int32x4_t conv_halves(int32x4_t a, int32x4_t b, int second) {
    const int64x2_t a_halves = vreinterpretq_s64_s32(a), b_halves = vreinterpretq_s64_s32(b);
    return vreinterpretq_s32_s64(second ? vzip2q_s64(a_halves, b_halves) : vzip1q_s64(a_halves, b_halves));
}

TD_INLINE void conv_tile_sums(const int8_t *in, const tile_weights *tile, int32_t fours,
                              tile_sums sums[TD_TILE_CHANNELS]) {
    const int32x4_t starts[2] = {vld1q_s32(tile->starts), vld1q_s32(tile->starts + 4)};
    TD_CONV_SUM(0);
    TD_CONV_SUM(1);
    TD_CONV_SUM(2);
    TD_CONV_SUM(3);
    const int8_t *const end = in + TILE_FOUR_BYTES * (ptrdiff_t)fours, *weights = tile->weights;
    do { /* a window has at least one value */
        const int8x16_t in_01 = vld1q_s8(in), in_23 = vld1q_s8(in + 16);
        const int8x16_t in_45 = vld1q_s8(in + 32), in_67 = vld1q_s8(in + 48);
        TD_CONV_PRODUCTS(0);
        TD_CONV_PRODUCTS(1);
        TD_CONV_PRODUCTS(2);
        TD_CONV_PRODUCTS(3);
        in += 2 * TILE_FOUR_BYTES;
        weights += 2 * TILE_WEIGHT_BYTES;
    } while (in < end);
    TD_CONV_SUMMED(0);
    TD_CONV_SUMMED(1);
    TD_CONV_SUMMED(2);
    TD_CONV_SUMMED(3);
}

#elif defined(TD_TILE_NEON_DOT)

#define TD_CONV_DOT(channel, four, lane)                                               \
    low_##channel = vdotq_laneq_s32(low_##channel, in_low, four, lane);                \
    high_##channel = vdotq_laneq_s32(high_##channel, in_high, four, lane)
#define TD_CONV_SUM(channel)                                                             \
    int32x4_t low_##channel = vdupq_laneq_s32(starts[channel / 4], channel % 4);         \
    int32x4_t high_##channel = low_##channel
#define TD_CONV_SUMMED(channel)          \
    sums[channel].low = low_##channel;   \
    sums[channel].high = high_##channel

TD_INLINE void conv_tile_sums(const int8_t *in, const tile_weights *tile, int32_t fours,
                              tile_sums sums[TD_TILE_CHANNELS]) {
    const int32x4_t starts[2] = {vld1q_s32(tile->starts), vld1q_s32(tile->starts + 4)};
    TD_CONV_SUM(0);
    TD_CONV_SUM(1);
    TD_CONV_SUM(2);
    TD_CONV_SUM(3);
    TD_CONV_SUM(4);
    TD_CONV_SUM(5);
    TD_CONV_SUM(6);
    TD_CONV_SUM(7);
    const int8_t *const middle = in + 16 * (ptrdiff_t)fours, *second = middle, *weights = tile->weights;
    do { /* a window has at least one value */
        const int8x16_t in_low = vld1q_s8(in), in_high = vld1q_s8(second);
        const int8x16_t first_four = vld1q_s8(weights), last_four = vld1q_s8(weights + 16);
        TD_CONV_DOT(0, first_four, 0);
        TD_CONV_DOT(1, first_four, 1);
        TD_CONV_DOT(2, first_four, 2);
        TD_CONV_DOT(3, first_four, 3);
        TD_CONV_DOT(4, last_four, 0);
        TD_CONV_DOT(5, last_four, 1);
        TD_CONV_DOT(6, last_four, 2);
        TD_CONV_DOT(7, last_four, 3);
        in += 16;
        second += 16;
        weights += 32;
    } while (in < middle);
    TD_CONV_SUMMED(0);
    TD_CONV_SUMMED(1);
    TD_CONV_SUMMED(2);
    TD_CONV_SUMMED(3);
    TD_CONV_SUMMED(4);
    TD_CONV_SUMMED(5);
    TD_CONV_SUMMED(6);
    TD_CONV_SUMMED(7);
}

#elif defined(TD_TILE_NEON)

/* The sums of a channel are four vectors: those of two pixels each, in two parts to be added. Half of the registers
 * hold sums. */
#if defined(__aarch64__)
#define TD_CONV_CHANNELS_AT_ONCE 4
/* Two pixels after the other: compilers that mix them run out of registers. */
#define TD_CONV_IN_ORDER(a, k) \
    __asm__ volatile("" : "+w"((a)[0][k]), "+w"((a)[1][k]), "+w"((a)[2][k]), "+w"((a)[3][k]) : : "memory")
TD_INLINE int16x8_t conv_product_high(int8x16_t a, int8x16_t b) {
    return vmull_high_s8(a, b);
}
TD_INLINE int16x8_t conv_product(int8x16_t a, int8x16_t b) {
    return vmlal_high_s8(vmull_s8(vget_low_s8(a), vget_low_s8(b)), a, b);
}
#else
#define TD_CONV_CHANNELS_AT_ONCE 2
#define TD_CONV_IN_ORDER(a, k) __asm__ volatile("" : "+w"((a)[0][k]), "+w"((a)[1][k]) : : "memory")
TD_INLINE int16x8_t conv_product_high(int8x16_t a, int8x16_t b) {
    return vmull_s8(vget_high_s8(a), vget_high_s8(b));
}
TD_INLINE int16x8_t conv_product(int8x16_t a, int8x16_t b) {
    return vmlal_s8(vmull_s8(vget_low_s8(a), vget_low_s8(b)), vget_high_s8(a), vget_high_s8(b));
}
#endif

TD_INLINE int32x4_t conv_joined(int32x4_t a, int32x4_t b) {
#if defined(__aarch64__)
    return vpaddq_s32(a, b);
#else
    return vcombine_s32(vpadd_s32(vget_low_s32(a), vget_high_s32(a)), vpadd_s32(vget_low_s32(b), vget_high_s32(b)));
#endif
}

/* Two fours at a time: two products fit in an int16, unless both weights are -128 (has_lowest). */
TD_INLINE void conv_some_sums(const int8_t *in, const int8_t *weights, const int32_t *starts, int32_t fours,
                              int has_lowest, tile_sums sums[TD_CONV_CHANNELS_AT_ONCE]) {
    int32x4_t parts[TD_CONV_CHANNELS_AT_ONCE][4];
    TD_UNROLL
    for (int c = 0; c < TD_CONV_CHANNELS_AT_ONCE; c++) { /* in one of two parts */
        const int32x4_t start = vreinterpretq_s32_s64(vdupq_n_s64((int64_t)(uint32_t)starts[c]));
        parts[c][0] = parts[c][1] = parts[c][2] = parts[c][3] = start;
    }
    const int8_t *const end = in + TILE_FOUR_BYTES * (ptrdiff_t)fours;
    do { /* a window has at least one value */
        int8x16_t w[TD_CONV_CHANNELS_AT_ONCE];
        TD_UNROLL
        for (int c = 0; c < TD_CONV_CHANNELS_AT_ONCE; c++) {
            w[c] = vld1q_s8(weights + 16 * c);
        }
        TD_UNROLL
        for (int k = 0; k < 4; k++) {
            const int8x16_t v = vld1q_s8(in + 16 * k);
            TD_UNROLL
            for (int c = 0; c < TD_CONV_CHANNELS_AT_ONCE; c++) {
                if (has_lowest) {
                    parts[c][k] = vpadalq_s16(parts[c][k], vmull_s8(vget_low_s8(v), vget_low_s8(w[c])));
                    parts[c][k] = vpadalq_s16(parts[c][k], conv_product_high(v, w[c]));
                } else {
                    parts[c][k] = vpadalq_s16(parts[c][k], conv_product(v, w[c]));
                }
            }
            TD_CONV_IN_ORDER(parts, k);
        }
        in += 2 * TILE_FOUR_BYTES;
        weights += 2 * TILE_WEIGHT_BYTES;
    } while (in < end);
    TD_UNROLL
    for (int c = 0; c < TD_CONV_CHANNELS_AT_ONCE; c++) {
        sums[c].low = conv_joined(parts[c][0], parts[c][1]);
        sums[c].high = conv_joined(parts[c][2], parts[c][3]);
    }
}

TD_INLINE void conv_tile_sums(const int8_t *in, const tile_weights *tile, int32_t fours,
                              tile_sums sums[TD_TILE_CHANNELS]) {
    TD_UNROLL
    for (int c = 0; c < TD_TILE_CHANNELS; c += TD_CONV_CHANNELS_AT_ONCE) {
        if (tile->has_lowest) {
            conv_some_sums(in, tile->weights + 16 * c, tile->starts + c, fours, 1, sums + c);
        } else {
            conv_some_sums(in, tile->weights + 16 * c, tile->starts + c, fours, 0, sums + c);
        }
    }
}

#elif defined(TD_TILE_WASM)

/* Two channels: two sums, to be added, of two pixels each in four vectors. */
TD_INLINE void conv_two_sums(const int8_t *in, const int8_t *weights, int32_t fours, v128_t parts[2][4]) {
    TD_UNROLL
    for (int k = 0; k < 4; k++) {
        parts[0][k] = parts[1][k] = wasm_i32x4_splat(0);
    }
    for (int32_t f = 0; f < fours; f++, in += TILE_FOUR_BYTES, weights += TILE_WEIGHT_BYTES) {
        const v128_t first = wasm_i16x8_extend_low_i8x16(wasm_v128_load32_splat(weights));
        const v128_t second = wasm_i16x8_extend_low_i8x16(wasm_v128_load32_splat(weights + 4));
        TD_UNROLL
        for (int k = 0; k < 4; k++) {
            const v128_t values = wasm_i16x8_load8x8(in + 8 * k);
            parts[0][k] = wasm_i32x4_add(parts[0][k], wasm_i32x4_dot_i16x8(values, first));
            parts[1][k] = wasm_i32x4_add(parts[1][k], wasm_i32x4_dot_i16x8(values, second));
        }
    }
}

TD_INLINE v128_t conv_joined(v128_t a, v128_t b) {
    return wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 2, 4, 6), wasm_i32x4_shuffle(a, b, 1, 3, 5, 7));
}

TD_INLINE void conv_tile_sums_simd(const int8_t *in, const tile_weights *tile, int32_t fours,
                                   tile_sums sums[TD_TILE_CHANNELS]) {
    for (int c = 0; c < TD_TILE_CHANNELS; c += 2) {
        v128_t parts[2][4];
        conv_two_sums(in, tile->weights + 4 * c, fours, parts);
        TD_UNROLL
        for (int k = 0; k < 2; k++) {
            const v128_t start = wasm_i32x4_splat(tile->starts[c + k]);
            sums[c + k].low = wasm_i32x4_add(start, conv_joined(parts[k][0], parts[k][1]));
            sums[c + k].high = wasm_i32x4_add(start, conv_joined(parts[k][2], parts[k][3]));
        }
    }
}

#if defined(__wasm_relaxed_simd__)

/* Relaxed dot products multiply int8 by values of seven bits. What engines may do as they like is excluded: a second
 * operand has no bit above, and two products are 2 * 128 * 127 = 32512 at most, which 16 bits hold. A weight + 127 is
 * therefore taken as two parts from 0 to 127; 127 times the sum of the values is taken away in the end. Not for weights
 * of -128. */
TD_INLINE void conv_four_sums_relaxed(const int8_t *in, const int8_t *weights, int32_t fours, const int32_t starts[4],
                                      tile_sums sums[4]) {
    const v128_t most = wasm_i8x16_splat(127), ones = wasm_i8x16_splat(1);
    v128_t low_values = wasm_i32x4_splat(0), high_values = low_values;
    tile_sums parts[4]; /* not in memory, which the values might share */
    TD_UNROLL
    for (int c = 0; c < 4; c++) {
        parts[c].low = parts[c].high = wasm_i32x4_splat(starts[c]);
    }
    for (int32_t f = 0; f < fours; f++, in += TILE_FOUR_BYTES, weights += TILE_WEIGHT_BYTES) {
        const v128_t low = wasm_v128_load(in), high = wasm_v128_load(in + 16);
        low_values = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(low, ones, low_values);
        high_values = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(high, ones, high_values);
        TD_UNROLL
        for (int c = 0; c < 4; c++) {
            const v128_t both = wasm_i8x16_add(wasm_v128_load32_splat(weights + 4 * c), most);
            const v128_t first = wasm_u8x16_min(both, most), second = wasm_i8x16_sub(both, first);
            parts[c].low = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(low, first, parts[c].low);
            parts[c].high = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(high, first, parts[c].high);
            parts[c].low = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(low, second, parts[c].low);
            parts[c].high = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(high, second, parts[c].high);
        }
    }
    low_values = wasm_i32x4_mul(low_values, wasm_i32x4_splat(127));
    high_values = wasm_i32x4_mul(high_values, wasm_i32x4_splat(127));
    TD_UNROLL
    for (int c = 0; c < 4; c++) {
        sums[c].low = wasm_i32x4_sub(parts[c].low, low_values);
        sums[c].high = wasm_i32x4_sub(parts[c].high, high_values);
    }
}

TD_INLINE void conv_tile_sums_here(const int8_t *in, const tile_weights *tile, int32_t fours,
                                   tile_sums sums[TD_TILE_CHANNELS]) {
    if (tile->has_lowest) {
        conv_tile_sums_simd(in, tile, fours, sums);
        return;
    }
    for (int c = 0; c < TD_TILE_CHANNELS; c += 4) {
        conv_four_sums_relaxed(in, tile->weights + 4 * c, fours, tile->starts + c, sums + c);
    }
}

#else

TD_INLINE void conv_tile_sums_here(const int8_t *in, const tile_weights *tile, int32_t fours,
                                   tile_sums sums[TD_TILE_CHANNELS]) {
    conv_tile_sums_simd(in, tile, fours, sums);
}

#endif

#if defined(TD_CONV_TILE_SUMS) /* elsewhere: a page takes what its browser has */
void TD_CONV_TILE_SUMS(const int8_t *in, const tile_weights *tile, int32_t fours, tile_sums sums[TD_TILE_CHANNELS]);
#define conv_tile_sums TD_CONV_TILE_SUMS
#else
__attribute__((noinline)) static void conv_tile_sums(const int8_t *in, const tile_weights *tile, int32_t fours,
                                                     tile_sums sums[TD_TILE_CHANNELS]) {
    conv_tile_sums_here(in, tile, fours, sums);
}
#endif

#elif defined(TD_TILE_VNNI)

TD_INLINE void conv_tile_sums(const int8_t *in, const tile_weights *tile, int32_t fours,
                              tile_sums sums[TD_TILE_CHANNELS]) {
    __m256i s_0 = _mm256_set1_epi32(tile->starts[0]);
    __m256i s_1 = _mm256_set1_epi32(tile->starts[1]);
    __m256i s_2 = _mm256_set1_epi32(tile->starts[2]);
    __m256i s_3 = _mm256_set1_epi32(tile->starts[3]);
    __m256i s_4 = _mm256_set1_epi32(tile->starts[4]);
    __m256i s_5 = _mm256_set1_epi32(tile->starts[5]);
    __m256i s_6 = _mm256_set1_epi32(tile->starts[6]);
    __m256i s_7 = _mm256_set1_epi32(tile->starts[7]);
    const int8_t *weights = tile->weights;
    for (int32_t f = 0; f < fours; f++, in += 32, weights += 32) {
        const __m256i values = _mm256_loadu_si256((const __m256i_u *)(const void *)in);
        const tile_word *const w = (const tile_word *)(const void *)weights;
        s_0 = TD_TILE_DOT(s_0, values, _mm256_set1_epi32(w[0]));
        s_1 = TD_TILE_DOT(s_1, values, _mm256_set1_epi32(w[1]));
        s_2 = TD_TILE_DOT(s_2, values, _mm256_set1_epi32(w[2]));
        s_3 = TD_TILE_DOT(s_3, values, _mm256_set1_epi32(w[3]));
        s_4 = TD_TILE_DOT(s_4, values, _mm256_set1_epi32(w[4]));
        s_5 = TD_TILE_DOT(s_5, values, _mm256_set1_epi32(w[5]));
        s_6 = TD_TILE_DOT(s_6, values, _mm256_set1_epi32(w[6]));
        s_7 = TD_TILE_DOT(s_7, values, _mm256_set1_epi32(w[7]));
    }
    sums[0] = s_0;
    sums[1] = s_1;
    sums[2] = s_2;
    sums[3] = s_3;
    sums[4] = s_4;
    sums[5] = s_5;
    sums[6] = s_6;
    sums[7] = s_7;
}

#else

/* Four channels: two sums, to be added, of four pixels each in two vectors. */
TD_INLINE void conv_four_sums(const int8_t *in, const int8_t *weights, int32_t fours, tile_sums sums[4]) {
    __m256i low[4], high[4];
    for (int c = 0; c < 4; c++) {
        low[c] = high[c] = _mm256_setzero_si256();
    }
    for (int32_t f = 0; f < fours; f++, in += 32, weights += 32) {
        const __m256i a = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i_u *)(const void *)in));
        const __m256i b = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i_u *)(const void *)(in + 16)));
        for (int c = 0; c < 4; c++) {
            const __m256i w = _mm256_cvtepi8_epi16(_mm_set1_epi32(((const tile_word *)(const void *)weights)[c]));
            low[c] = _mm256_add_epi32(low[c], _mm256_madd_epi16(a, w));
            high[c] = _mm256_add_epi32(high[c], _mm256_madd_epi16(b, w));
        }
    }
    for (int c = 0; c < 4; c++) {
        sums[c] = _mm256_permute4x64_epi64(_mm256_hadd_epi32(low[c], high[c]), 0xD8);
    }
}

TD_INLINE void conv_tile_sums(const int8_t *in, const tile_weights *tile, int32_t fours,
                              tile_sums sums[TD_TILE_CHANNELS]) {
    conv_four_sums(in, tile->weights, fours, sums);
    conv_four_sums(in, tile->weights + 16, fours, sums + 4);
    for (int c = 0; c < TD_TILE_CHANNELS; c++) {
        sums[c] = tile_add(sums[c], tile->starts[c]);
    }
}

#endif

#if defined(TD_TILE_AVX2)
/* sums + those of a four of weights of each channel. */
TD_INLINE __m256i conv_add_fours(__m256i sums, __m256i four) {
#if defined(TD_TILE_VNNI)
    return TD_TILE_DOT(sums, _mm256_set1_epi8(1), four);
#else
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), four);
    return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#endif
}
#endif

/* The sums of the weights of each channel; those that stand there twice count once. */
TD_INLINE void conv_weight_sums(const tile_weights *tile, int32_t fours, int32_t sums[TD_TILE_CHANNELS]) {
    const int32_t num_bytes = fours * TILE_WEIGHT_BYTES;
#if defined(TD_CONV_HALVES)
    int32x4_t parts[TD_TILE_CHANNELS];
    for (int c = 0; c < TD_TILE_CHANNELS; c++) {
        parts[c] = vdupq_n_s32(0);
    }
    for (int32_t at = 0; at < num_bytes; at += 2 * TILE_WEIGHT_BYTES) {
        for (int c = 0; c < TD_TILE_CHANNELS; c++) {
            parts[c] = vpadalq_s16(parts[c], vpaddlq_s8(vld1q_s8(tile->weights + at + 16 * c)));
        }
    }
    for (int c = 0; c < TD_TILE_CHANNELS; c++) {
        sums[c] = vgetq_lane_s32(parts[c], 0) + vgetq_lane_s32(parts[c], 2);
    }
#elif defined(TD_CONV_EIGHTS)
    int32x4_t parts[TD_TILE_CHANNELS / 2];
    for (int k = 0; k < TD_TILE_CHANNELS / 2; k++) {
        parts[k] = vdupq_n_s32(0);
        for (int32_t at = 16 * k; at < num_bytes; at += 2 * TILE_WEIGHT_BYTES) {
            parts[k] = vdotq_s32(parts[k], vld1q_s8(tile->weights + at), vdupq_n_s8(1));
        }
    }
    vst1q_s32(sums, vpaddq_s32(parts[0], parts[1]));
    vst1q_s32(sums + 4, vpaddq_s32(parts[2], parts[3]));
#elif defined(TD_TILE_NEON)
    tile_sums all = {vdupq_n_s32(0), vdupq_n_s32(0)};
    for (int32_t at = 0; at < num_bytes; at += TILE_WEIGHT_BYTES) {
        all.low = vdotq_s32(all.low, vld1q_s8(tile->weights + at), vdupq_n_s8(1));
        all.high = vdotq_s32(all.high, vld1q_s8(tile->weights + at + 16), vdupq_n_s8(1));
    }
    tile_spill(all, sums);
#elif defined(TD_TILE_WASM)
    tile_sums all = {wasm_i32x4_splat(0), wasm_i32x4_splat(0)};
    for (int32_t at = 0; at < num_bytes; at += TILE_WEIGHT_BYTES) {
        const v128_t low = wasm_i16x8_extadd_pairwise_i8x16(wasm_v128_load(tile->weights + at));
        const v128_t high = wasm_i16x8_extadd_pairwise_i8x16(wasm_v128_load(tile->weights + at + 16));
        all.low = wasm_i32x4_add(all.low, wasm_i32x4_extadd_pairwise_i16x8(low));
        all.high = wasm_i32x4_add(all.high, wasm_i32x4_extadd_pairwise_i16x8(high));
    }
    tile_spill(all, sums);
#else
    __m256i all = _mm256_setzero_si256();
    for (int32_t at = 0; at < num_bytes; at += TILE_WEIGHT_BYTES) {
        all = conv_add_fours(all, _mm256_load_si256((const __m256i *)(const void *)(tile->weights + at)));
    }
    tile_spill(all, sums);
#endif
}

#endif
#endif /* TD_CONV_SUMS_H */
