/* td_tile_wasm.h: the vectors of td_tile.h in WebAssembly SIMD. Not for callers: a part of td_tile.h.
 *
 * Results stay as int32, not clamped, until the channels are stored: narrowing saturates. */
#ifndef TD_TILE_WASM_H
#define TD_TILE_WASM_H

typedef struct {
    v128_t low, high;
} tile_sums, tile_results;

/* How sums become results. See td_depthwise_planar.h for the arithmetic: rounding = 2**30 + (addend << 31). */
typedef struct {
    int64_t rounding;
    int32_t multiplier, shift;
} tile_factor;

/* Whether tile_rescale gives what td_rescale does, clamped to [-128, 127], for sums of `start` and less than 2**27 of
 * products: nothing leaves 32 bits. */
TD_INLINE int tile_factor_fits(int32_t start, int32_t shift, int32_t offset) {
    const int32_t largest = (1 << 30) + (1 << 27), addend = 2 * (offset < 0 ? -offset : offset) + 1;
    return shift >= 1 && shift <= 31 && start >= -largest && start <= largest &&
           (int64_t)addend << (shift - 1) <= 1 << 29;
}

/* The factor multiplier * 2**-31 * 2**-shift, where it fits. */
TD_INLINE tile_factor tile_factor_of(int32_t multiplier, int32_t shift, int32_t offset) {
    const tile_factor factor = {(INT64_C(1) << 30) + (2 * offset + 1) * (INT64_C(1) << (shift + 30)), multiplier, shift};
    return factor;
}

/* (sums * multiplier + rounding) >> 31 */
TD_INLINE v128_t tile_high_products(v128_t sums, int32_t multiplier, int64_t rounding) {
    const v128_t multipliers = wasm_i32x4_splat(multiplier), all = wasm_i64x2_splat(rounding);
    const v128_t low = wasm_u64x2_shr(wasm_i64x2_add(wasm_i64x2_extmul_low_i32x4(sums, multipliers), all), 31);
    const v128_t high = wasm_u64x2_shr(wasm_i64x2_add(wasm_i64x2_extmul_high_i32x4(sums, multipliers), all), 31);
    return wasm_i32x4_shuffle(low, high, 0, 2, 4, 6);
}

TD_INLINE v128_t tile_rescale_four(v128_t sums, const tile_factor *factor) {
    const v128_t high = tile_high_products(sums, factor->multiplier, factor->rounding);
    return wasm_i32x4_shr(wasm_i32x4_add(high, wasm_i32x4_shr(sums, 31)), (uint32_t)factor->shift);
}

TD_INLINE tile_results tile_rescale(tile_sums sums, const tile_factor *factor, int is_positive) {
    const tile_results values = {tile_rescale_four(sums.low, factor), tile_rescale_four(sums.high, factor)};
    (void)is_positive; /* code is dearer here than an addition */
    return values;
}

TD_INLINE v128_t tile_rescale_any_four(v128_t sums, td_requant requant, int32_t offset, int32_t low, int32_t high) {
    const uint32_t left = requant.shift > 0 ? (uint32_t)requant.shift : 0;
    v128_t values = tile_high_products(wasm_i32x4_shl(sums, left), requant.multiplier, INT64_C(1) << 30);
    if (requant.shift < 0) {
        values = wasm_i32x4_shr(wasm_i32x4_add(values, wasm_i32x4_shr(values, 31)), (uint32_t)(-requant.shift - 1));
        values = wasm_i32x4_shr(wasm_i32x4_add(values, wasm_i32x4_splat(1)), 1);
    }
    values = wasm_i32x4_add(values, wasm_i32x4_splat(offset));
    return wasm_i32x4_min(wasm_i32x4_max(values, wasm_i32x4_splat(low)), wasm_i32x4_splat(high));
}

/* What td_rescale gives, for any factor, clamped. */
TD_INLINE tile_results tile_rescale_any(tile_sums sums, td_requant requant, int32_t offset, int32_t low, int32_t high) {
    const tile_results values = {tile_rescale_any_four(sums.low, requant, offset, low, high),
                                 tile_rescale_any_four(sums.high, requant, offset, low, high)};
    return values;
}

/* Two channels of eight pixels. */
TD_INLINE v128_t tile_pack_two(const tile_results v[2]) {
    return wasm_i8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(v[0].low, v[0].high),
                                   wasm_i16x8_narrow_i32x4(v[1].low, v[1].high));
}

/* Eight channels of eight pixels, the channels `step` bytes apart. */
TD_INLINE void tile_store_channels(const tile_results v[TD_TILE_CHANNELS], int8_t *to, ptrdiff_t step) {
    for (int k = 0; k < TD_TILE_CHANNELS; k += 2, to += 2 * step) {
        const v128_t two = tile_pack_two(v + k);
        wasm_v128_store64_lane(to, two, 0);
        wasm_v128_store64_lane(to + step, two, 1);
    }
}

/* Four channels of eight pixels -> eight pixels of four channels. */
TD_INLINE void tile_turn_four(const tile_results v[4], v128_t pixels[2]) {
    const v128_t a = tile_pack_two(v), b = tile_pack_two(v + 2);
    pixels[0] = wasm_i8x16_shuffle(a, b, 0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27);
    pixels[1] = wasm_i8x16_shuffle(a, b, 4, 12, 20, 28, 5, 13, 21, 29, 6, 14, 22, 30, 7, 15, 23, 31);
}

/* Eight channels of eight pixels -> eight pixels of eight channels, each to a place of its own. */
TD_INLINE void tile_store_pixels(const tile_results v[TD_TILE_CHANNELS], int8_t *const to[TD_TILE_PIXELS]) {
    v128_t first[2], last[2];
    tile_turn_four(v, first);
    tile_turn_four(v + 4, last);
    for (int half = 0; half < 2; half++) {
        const v128_t low = wasm_i32x4_shuffle(first[half], last[half], 0, 4, 1, 5);
        const v128_t high = wasm_i32x4_shuffle(first[half], last[half], 2, 6, 3, 7);
        wasm_v128_store64_lane(to[4 * half], low, 0);
        wasm_v128_store64_lane(to[4 * half + 1], low, 1);
        wasm_v128_store64_lane(to[4 * half + 2], high, 0);
        wasm_v128_store64_lane(to[4 * half + 3], high, 1);
    }
}

TD_INLINE void tile_spill(tile_sums sums, int32_t to[TD_TILE_PIXELS]) {
    wasm_v128_store(to, sums.low);
    wasm_v128_store(to + 4, sums.high);
}

#endif /* TD_TILE_WASM_H */
