/* td_tile.h: vectors of eight pixels in the instructions of A cores, PCs and browsers (NEON, AVX2, VNNI,
 * WebAssembly SIMD). Not for callers.
 *
 * TD_TILE is defined where there are such instructions; what they compute is what the portable loops beside them
 * compute. A tile is eight channels of eight pixels. */
#ifndef TD_TILE_H
#define TD_TILE_H

#include "td_fixed_point.h"

#if defined(__GNUC__) && defined(__has_builtin) && !defined(TD_PORTABLE)
#if __has_builtin(__builtin_shufflevector)
#if defined(__wasm_simd128__)
#define TD_TILE 1
#define TD_TILE_WASM 1
#include <wasm_simd128.h>
#elif defined(__ARM_NEON) && !defined(__ARM_BIG_ENDIAN)
#define TD_TILE 1
#define TD_TILE_NEON 1
#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
#define TD_TILE_NEON_DOT 1
#endif
#include <arm_neon.h>
#elif defined(__AVX2__)
#define TD_TILE 1
#define TD_TILE_AVX2 1
#include <immintrin.h>
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
#define TD_TILE_VNNI 1
#define TD_TILE_DOT _mm256_dpbusd_epi32
#define TD_TILE_DOT_4 _mm_dpbusd_epi32
#elif defined(__AVXVNNI__)
#define TD_TILE_VNNI 1
#define TD_TILE_DOT _mm256_dpbusd_avx_epi32
#define TD_TILE_DOT_4 _mm_dpbusd_avx_epi32
#endif
#endif
#endif
#endif

#ifdef TD_TILE

#if defined(__clang__)
#define TD_UNROLL _Pragma("clang loop unroll(full)")
#define TD_UNROLL_TWICE _Pragma("clang loop unroll_count(2)")
#else
#define TD_UNROLL _Pragma("GCC unroll 8")
#define TD_UNROLL_TWICE _Pragma("GCC unroll 2")
#endif

enum { TD_TILE_PIXELS = 8, TD_TILE_CHANNELS = 8 };

typedef int32_t tile_word __attribute__((aligned(1), may_alias)); /* anywhere */

#if defined(TD_TILE_NEON)

/* How sums become output values: times multiplier * 2**-31 * 2**-shift, shift in [1, 31], plus offset, clamped to
 * int8. Where the offset is -128, all that is negative is clamped away, however it was rounded. */
typedef struct {
    int32_t multiplier, shift, offset;
    int is_positive; /* offset = -128; a constant where tile_rescale is inlined */
} tile_factor;

/* Whether tile_rescale gives what td_rescale does, clamped to [-128, 127]. */
TD_INLINE int tile_factor_fits(int32_t start, int32_t shift, int32_t offset) {
    (void)start;
    (void)offset;
    return shift >= 1 && shift <= 31;
}

typedef struct {
    int32x4_t low, high;
} tile_sums;
typedef int8x8_t tile_values, tile_results;
typedef int32x4_t tile_four_numbers;

/* Four numbers that belong to four channels. */
TD_INLINE tile_four_numbers tile_load_four(const int32_t *from) {
    return vld1q_s32(from);
}

TD_INLINE tile_values tile_rescale(tile_sums sums, tile_factor factor) {
    const int32x4_t multiplier = vdupq_n_s32(factor.multiplier), shift = vdupq_n_s32(-factor.shift);
    int32x4_t low = vqrdmulhq_s32(sums.low, multiplier), high = vqrdmulhq_s32(sums.high, multiplier);
    if (!factor.is_positive) {
        low = vsraq_n_s32(low, low, 31);
        high = vsraq_n_s32(high, high, 31);
    }
    low = vrshlq_s32(low, shift);
    high = vrshlq_s32(high, shift);
    const int16x8_t both = vcombine_s16(vqmovn_s32(low), vqmovn_s32(high));
    return vqmovn_s16(vqaddq_s16(both, vdupq_n_s16((int16_t)factor.offset)));
}

/* What td_rescale gives, for any factor, clamped. */
TD_INLINE tile_results tile_rescale_any(tile_sums sums, td_requant requant, int32_t offset, int32_t low, int32_t high) {
    const int32x4_t multiplier = vdupq_n_s32(requant.multiplier);
    const int32x4_t left = vdupq_n_s32(requant.shift > 0 ? requant.shift : 0);
    int32x4_t halves[2] = {sums.low, sums.high};
    TD_UNROLL
    for (int i = 0; i < 2; i++) {
        int32x4_t values = vqrdmulhq_s32(vshlq_s32(halves[i], left), multiplier);
        if (requant.shift < 0) {
            values = vrshlq_s32(vsraq_n_s32(values, values, 31), vdupq_n_s32(requant.shift));
        }
        values = vaddq_s32(values, vdupq_n_s32(offset));
        halves[i] = vminq_s32(vmaxq_s32(values, vdupq_n_s32(low)), vdupq_n_s32(high));
    }
    return vmovn_s16(vcombine_s16(vmovn_s32(halves[0]), vmovn_s32(halves[1])));
}

TD_INLINE tile_sums tile_load_sums(const int32_t from[TD_TILE_PIXELS]) {
    const tile_sums sums = {vld1q_s32(from), vld1q_s32(from + 4)};
    return sums;
}

/* The same where the sums are those of eight channels; each has a factor of its own. */
TD_INLINE tile_values tile_rescale_channels(tile_sums sums, tile_sums multipliers, tile_sums shifts, int32_t offset) {
    int32x4_t low = vqrdmulhq_s32(sums.low, multipliers.low), high = vqrdmulhq_s32(sums.high, multipliers.high);
    low = vrshlq_s32(vsraq_n_s32(low, low, 31), vnegq_s32(shifts.low));
    high = vrshlq_s32(vsraq_n_s32(high, high, 31), vnegq_s32(shifts.high));
    const int16x8_t both = vcombine_s16(vqmovn_s32(low), vqmovn_s32(high));
    return vqmovn_s16(vqaddq_s16(both, vdupq_n_s16((int16_t)offset)));
}

/* sums + a * b of eight bytes each. */
TD_INLINE tile_sums tile_add_products(tile_sums sums, tile_values a, tile_values b) {
    const int16x8_t products = vmull_s8(a, b);
    const tile_sums more = {vaddw_s16(sums.low, vget_low_s16(products)), vaddw_s16(sums.high, vget_high_s16(products))};
    return more;
}

TD_INLINE tile_sums tile_add(tile_sums sums, int32_t value) {
    const int32x4_t all = vdupq_n_s32(value);
    const tile_sums more = {vaddq_s32(sums.low, all), vaddq_s32(sums.high, all)};
    return more;
}

TD_INLINE void tile_spill(tile_sums sums, int32_t to[TD_TILE_PIXELS]) {
    vst1q_s32(to, sums.low);
    vst1q_s32(to + 4, sums.high);
}

TD_INLINE void tile_store(int8_t *to, tile_values values) {
    vst1_s8(to, values);
}

TD_INLINE tile_values tile_load(const int8_t *from) {
    return vld1_s8(from);
}

/* Eight channels of eight pixels, the channels `step` bytes apart. */
TD_INLINE void tile_store_channels(const tile_results v[TD_TILE_CHANNELS], int8_t *to, ptrdiff_t step) {
    TD_UNROLL
    for (int k = 0; k < TD_TILE_CHANNELS; k++, to += step) {
        tile_store(to, v[k]);
    }
}

/* Eight channels of eight pixels -> eight pixels of eight channels, each to a place of its own. */
TD_INLINE void tile_store_pixels(const tile_values v[TD_TILE_CHANNELS], int8_t *const to[TD_TILE_PIXELS]) {
    const int8x8x2_t a = vtrn_s8(v[0], v[1]), b = vtrn_s8(v[2], v[3]);
    const int8x8x2_t c = vtrn_s8(v[4], v[5]), d = vtrn_s8(v[6], v[7]);
    TD_UNROLL
    for (int odd = 0; odd < 2; odd++) {
        const int16x4x2_t ab = vtrn_s16(vreinterpret_s16_s8(a.val[odd]), vreinterpret_s16_s8(b.val[odd]));
        const int16x4x2_t cd = vtrn_s16(vreinterpret_s16_s8(c.val[odd]), vreinterpret_s16_s8(d.val[odd]));
        TD_UNROLL
        for (int two = 0; two < 2; two++) {
            const int32x2x2_t all =
                vtrn_s32(vreinterpret_s32_s16(ab.val[two]), vreinterpret_s32_s16(cd.val[two]));
            vst1_s8(to[odd + 2 * two], vreinterpret_s8_s32(all.val[0]));
            vst1_s8(to[odd + 2 * two + 4], vreinterpret_s8_s32(all.val[1]));
        }
    }
}

#elif defined(TD_TILE_WASM)
#include "td_tile_wasm.h"
#else
#include "td_tile_avx2.h"
#endif
#endif
#endif /* TD_TILE_H */
