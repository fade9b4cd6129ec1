/* td_tile.h: vectors of eight pixels in the instructions of A cores and PCs (NEON, AVX2, VNNI). Not for callers.
 *
 * TD_TILE is defined where there are such instructions; what they compute is what the portable loops beside them
 * compute. A tile is eight channels of eight pixels. */
#ifndef TD_TILE_H
#define TD_TILE_H

#include "td_fixed_point.h"

#if defined(__GNUC__) && defined(__has_builtin) && !defined(TD_PORTABLE)
#if __has_builtin(__builtin_shufflevector)
#if defined(__ARM_NEON) && !defined(__ARM_BIG_ENDIAN)
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
#elif defined(__AVXVNNI__)
#define TD_TILE_VNNI 1
#define TD_TILE_DOT _mm256_dpbusd_avx_epi32
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

/* How sums become output values: times multiplier * 2**-31 * 2**-shift, shift in [1, 31], plus offset, clamped to
 * int8. Where the offset is -128, all that is negative is clamped away, however it was rounded. */
typedef struct {
    int32_t multiplier, shift, offset;
    int is_positive; /* offset = -128; a constant where tile_rescale is inlined */
} tile_factor;

#if defined(TD_TILE_NEON)

typedef struct {
    int32x4_t low, high;
} tile_sums;
typedef int8x8_t tile_values;
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

#else

typedef __m256i tile_sums;
typedef __m128i tile_values; /* in its lower half */
typedef const int32_t *tile_four_numbers;

/* Four numbers that belong to four channels: taken from memory, one by one. */
TD_INLINE tile_four_numbers tile_load_four(const int32_t *from) {
    return from;
}

TD_INLINE tile_values tile_rescale(tile_sums sums, tile_factor factor) {
    const __m256i multiplier = _mm256_set1_epi32(factor.multiplier), half = _mm256_set1_epi64x(1 << 30);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(sums, multiplier), half);
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(sums, 32), multiplier), half);
    __m256i high = _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xAA);
    if (!factor.is_positive) {
        high = _mm256_add_epi32(high, _mm256_srai_epi32(high, 31));
    }
    high = _mm256_sra_epi32(high, _mm_cvtsi32_si128(factor.shift - 1));
    high = _mm256_srai_epi32(_mm256_add_epi32(high, _mm256_set1_epi32(2 * factor.offset + 1)), 1);
    const __m128i narrow = _mm_packs_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
    return _mm_packs_epi16(narrow, narrow);
}

TD_INLINE tile_sums tile_load_sums(const int32_t from[TD_TILE_PIXELS]) {
    return _mm256_loadu_si256((const __m256i_u *)(const void *)from);
}

/* The same where the sums are those of eight channels; each has a factor of its own. */
TD_INLINE tile_values tile_rescale_channels(tile_sums sums, tile_sums multipliers, tile_sums shifts, int32_t offset) {
    const __m256i half = _mm256_set1_epi64x(1 << 30), one = _mm256_set1_epi32(1);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(sums, multipliers), half);
    const __m256i odd =
        _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(sums, 32), _mm256_srli_epi64(multipliers, 32)), half);
    __m256i high = _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xAA);
    high = _mm256_add_epi32(high, _mm256_srai_epi32(high, 31));
    high = _mm256_srav_epi32(high, _mm256_sub_epi32(shifts, one));
    high = _mm256_srai_epi32(_mm256_add_epi32(high, _mm256_set1_epi32(2 * offset + 1)), 1);
    const __m128i narrow = _mm_packs_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
    return _mm_packs_epi16(narrow, narrow);
}

/* sums + a * b of eight bytes each. */
TD_INLINE tile_sums tile_add_products(tile_sums sums, tile_values a, tile_values b) {
    const __m128i products = _mm_mullo_epi16(_mm_cvtepi8_epi16(a), _mm_cvtepi8_epi16(b));
    return _mm256_add_epi32(sums, _mm256_cvtepi16_epi32(products));
}

TD_INLINE tile_sums tile_add(tile_sums sums, int32_t value) {
    return _mm256_add_epi32(sums, _mm256_set1_epi32(value));
}

TD_INLINE void tile_spill(tile_sums sums, int32_t to[TD_TILE_PIXELS]) {
    _mm256_storeu_si256((__m256i_u *)(void *)to, sums);
}

TD_INLINE void tile_store(int8_t *to, tile_values values) {
    _mm_storel_epi64((__m128i_u *)(void *)to, values);
}

TD_INLINE tile_values tile_load(const int8_t *from) {
    return _mm_loadl_epi64((const __m128i_u *)(const void *)from);
}

/* Eight channels of eight pixels -> eight pixels of eight channels, each to a place of its own. */
TD_INLINE void tile_store_pixels(const tile_values v[TD_TILE_CHANNELS], int8_t *const to[TD_TILE_PIXELS]) {
    const __m128i a = _mm_unpacklo_epi8(v[0], v[1]), b = _mm_unpacklo_epi8(v[2], v[3]);
    const __m128i c = _mm_unpacklo_epi8(v[4], v[5]), d = _mm_unpacklo_epi8(v[6], v[7]);
    const __m128i ab[2] = {_mm_unpacklo_epi16(a, b), _mm_unpackhi_epi16(a, b)};
    const __m128i cd[2] = {_mm_unpacklo_epi16(c, d), _mm_unpackhi_epi16(c, d)};
    for (int half = 0; half < 2; half++) {
        const __m128i low = _mm_unpacklo_epi32(ab[half], cd[half]), high = _mm_unpackhi_epi32(ab[half], cd[half]);
        tile_store(to[4 * half], low);
        tile_store(to[4 * half + 1], _mm_unpackhi_epi64(low, low));
        tile_store(to[4 * half + 2], high);
        tile_store(to[4 * half + 3], _mm_unpackhi_epi64(high, high));
    }
}

#endif
#endif
#endif /* TD_TILE_H */
