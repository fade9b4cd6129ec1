/* td_tile_avx2.h: the vectors of td_tile.h in AVX2, AVX-VNNI and AVX-512 VNNI. Not for callers: a part of td_tile.h.
 *
 * Results stay as int32, 128 too high and not clamped, until eight channels of eight pixels are packed together: what
 * is below 0 or above 255 then saturates. */
#ifndef TD_TILE_AVX2_H
#define TD_TILE_AVX2_H

typedef __m256i tile_sums;
typedef __m128i tile_values;  /* eight bytes, in its lower half */
typedef __m256i tile_results; /* of tile_rescale */

/* How sums become results. See td_depthwise_planar.h for the arithmetic: rounding = 2**30 + (addend << 31). */
typedef struct {
    int64_t rounding;
    int32_t multiplier, shift;
} tile_factor;

/* Whether tile_rescale gives what td_rescale does, clamped to [-128, 127], for sums of `start` and less than 2**27 of
 * products: nothing leaves 32 bits. */
TD_INLINE int tile_factor_fits(int32_t start, int32_t shift, int32_t offset) {
    const int32_t largest = (1 << 30) + (1 << 27);
    return shift >= 1 && shift <= 31 && start >= -largest && start <= largest &&
           (int64_t)(2 * (offset + 128) + 1) << (shift - 1) <= 1 << 29;
}

/* The factor multiplier * 2**-31 * 2**-shift, where it fits. */
TD_INLINE tile_factor tile_factor_of(int32_t multiplier, int32_t shift, int32_t offset) {
    const tile_factor factor = {(INT64_C(1) << 30) + ((int64_t)(2 * (offset + 128) + 1) << (shift + 30)), multiplier,
                                shift};
    return factor;
}

/* (sums * multipliers + rounding) >> 31: of four even and of four odd sums. */
TD_INLINE __m256i tile_high_products(__m256i sums, __m256i even_multipliers, __m256i odd_multipliers, __m256i rounding) {
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(sums, even_multipliers), rounding);
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(sums, 32), odd_multipliers), rounding);
    return _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xAA);
}

/* Where `is_positive`, a constant, the offset is -128, so that negative results are clamped away. */
TD_INLINE tile_results tile_rescale(tile_sums sums, const tile_factor *factor, int is_positive) {
    const __m256i multiplier = _mm256_set1_epi32(factor->multiplier);
    __m256i high = tile_high_products(sums, multiplier, multiplier, _mm256_set1_epi64x(factor->rounding));
    if (!is_positive) {
        high = _mm256_add_epi32(high, _mm256_srai_epi32(sums, 31));
    }
    return _mm256_srav_epi32(high, _mm256_set1_epi32(factor->shift));
}

/* What td_rescale gives, for any factor, clamped. */
TD_INLINE tile_results tile_rescale_any(tile_sums sums, td_requant requant, int32_t offset, int32_t low, int32_t high) {
    const __m256i multiplier = _mm256_set1_epi32(requant.multiplier);
    const __m128i left = _mm_cvtsi32_si128(requant.shift > 0 ? requant.shift : 0);
    __m256i values = tile_high_products(_mm256_sll_epi32(sums, left), multiplier, multiplier,
                                        _mm256_set1_epi64x(INT64_C(1) << 30));
    if (requant.shift < 0) {
        values = _mm256_add_epi32(values, _mm256_srai_epi32(values, 31));
        values = _mm256_sra_epi32(values, _mm_cvtsi32_si128(-requant.shift - 1));
        values = _mm256_srai_epi32(_mm256_add_epi32(values, _mm256_set1_epi32(1)), 1);
    }
    values = _mm256_add_epi32(values, _mm256_set1_epi32(offset));
    values = _mm256_min_epi32(_mm256_max_epi32(values, _mm256_set1_epi32(low)), _mm256_set1_epi32(high));
    return _mm256_add_epi32(values, _mm256_set1_epi32(128));
}

/* Four channels of eight pixels: [channel][pixels 0 to 3], then [channel][pixels 4 to 7]. */
TD_INLINE __m256i tile_pack_four(const tile_results v[4]) {
    const __m256i four = _mm256_packus_epi16(_mm256_packs_epi32(v[0], v[1]), _mm256_packs_epi32(v[2], v[3]));
    return _mm256_xor_si256(four, _mm256_set1_epi8(-128));
}

TD_INLINE void tile_store(int8_t *to, tile_values values) {
    _mm_storel_epi64((__m128i_u *)(void *)to, values);
}

TD_INLINE void tile_store_upper(int8_t *to, tile_values values) {
    _mm_storeh_pi((__m64 *)(void *)to, _mm_castsi128_ps(values));
}

TD_INLINE tile_values tile_load(const int8_t *from) {
    return _mm_loadl_epi64((const __m128i_u *)(const void *)from);
}

/* Eight channels of eight pixels, the channels `step` bytes apart. */
TD_INLINE void tile_store_channels(const tile_results v[TD_TILE_CHANNELS], int8_t *to, ptrdiff_t step) {
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    TD_UNROLL
    for (int half = 0; half < TD_TILE_CHANNELS; half += 4, to += 4 * step) {
        const __m256i four = _mm256_permutevar8x32_epi32(tile_pack_four(v + half), order);
        const __m128i low = _mm256_castsi256_si128(four), high = _mm256_extracti128_si256(four, 1);
        tile_store(to, low);
        tile_store_upper(to + step, low);
        tile_store(to + 2 * step, high);
        tile_store_upper(to + 3 * step, high);
    }
}

/* Eight channels of eight pixels -> eight pixels of eight channels, each to a place of its own. */
TD_INLINE void tile_store_pixels(const tile_results v[TD_TILE_CHANNELS], int8_t *const to[TD_TILE_PIXELS]) {
    const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m256i both = _mm256_broadcastsi128_si256(order);
    const __m256i first = _mm256_shuffle_epi8(tile_pack_four(v), both);
    const __m256i last = _mm256_shuffle_epi8(tile_pack_four(v + 4), both);
    const __m256i low = _mm256_unpacklo_epi32(first, last), high = _mm256_unpackhi_epi32(first, last);
    const __m128i pairs[4] = {_mm256_castsi256_si128(low), _mm256_castsi256_si128(high),
                              _mm256_extracti128_si256(low, 1), _mm256_extracti128_si256(high, 1)};
    TD_UNROLL
    for (int k = 0; k < 4; k++) {
        tile_store(to[2 * k], pairs[k]);
        tile_store_upper(to[2 * k + 1], pairs[k]);
    }
}

TD_INLINE tile_sums tile_load_sums(const int32_t from[TD_TILE_PIXELS]) {
    return _mm256_loadu_si256((const __m256i_u *)(const void *)from);
}

/* The sums are those of eight channels; each has a factor of its own, shift in [1, 23]. */
TD_INLINE tile_values tile_rescale_channels(tile_sums sums, tile_sums multipliers, tile_sums shifts, int32_t offset) {
    const __m256i half = _mm256_set1_epi64x(1 << 30), one = _mm256_set1_epi32(1);
    const __m256i addends = _mm256_sllv_epi32(_mm256_set1_epi32(2 * offset + 1), _mm256_sub_epi32(shifts, one));
    __m256i high = tile_high_products(sums, multipliers, _mm256_srli_epi64(multipliers, 32), half);
    high = _mm256_add_epi32(_mm256_add_epi32(high, addends), _mm256_srai_epi32(sums, 31));
    high = _mm256_srav_epi32(high, shifts);
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

#endif /* TD_TILE_AVX2_H */
