/* td_add_mve.h: ADD of adjacent values in Helium (Cortex-M55, M85). Not for callers. */
#ifndef TD_ADD_MVE_H
#define TD_ADD_MVE_H

#include "td_fixed_point.h"

#ifdef TD_MVE

#include <arm_mve.h>

/* A value in the highest byte of a word, and zeros below it: the upper half of the product is divided by 2**8. */
TD_INLINE int32x4_t add_scaled_mve(const td_add_params *p, int32x4_t a, int32x4_t b) {
    const int32x4_t a_product = vmulhq_s32(a, vdupq_n_s32(p->a_factor));
    const int32x4_t b_product = vmulhq_s32(b, vdupq_n_s32(p->b_factor));
    return vaddq_s32(vaddq_n_s32(a_product, p->addend), b_product);
}

/* See add_run in td_add.c: sixteen values at a time. Shifts by 16 and 6 are one by TD_ADD_SHIFT. */
__attribute__((noinline)) static void add_run_mve(const td_add_params *p, const int8_t *a, const int8_t *b,
                                                  int8_t *output, int32_t count) {
    const int32x4_t high_byte = vdupq_n_s32(INT32_C(-16777216));
    const int8x16_t low = vdupq_n_s8((int8_t)p->output_min), high = vdupq_n_s8((int8_t)p->output_max);
    for (int32_t left = count; left > 0; left -= 16, a += 16, b += 16, output += 16) {
        const mve_pred16_t these = vctp8q((uint32_t)left);
        const int32x4_t a_words = (int32x4_t)vldrbq_z_s8(a, these), b_words = (int32x4_t)vldrbq_z_s8(b, these);
        const int32x4_t sum_0 = add_scaled_mve(p, vshlq_n_s32(a_words, 24), vshlq_n_s32(b_words, 24));
        const int32x4_t sum_2 = add_scaled_mve(p, vandq_s32(vshlq_n_s32(a_words, 8), high_byte),
                                               vandq_s32(vshlq_n_s32(b_words, 8), high_byte));
        int16x8_t even = vshrnbq_n_s32(vdupq_n_s16(0), sum_0, 16);
        even = vshrntq_n_s32(even, sum_2, 16);
        const int32x4_t sum_1 = add_scaled_mve(p, vandq_s32(vshlq_n_s32(a_words, 16), high_byte),
                                               vandq_s32(vshlq_n_s32(b_words, 16), high_byte));
        const int32x4_t sum_3 = add_scaled_mve(p, vandq_s32(a_words, high_byte), vandq_s32(b_words, high_byte));
        int16x8_t odd = vshrnbq_n_s32(vdupq_n_s16(0), sum_1, 16);
        odd = vshrntq_n_s32(odd, sum_3, 16);
        even = vshrq_n_s16(even, TD_ADD_SHIFT - 16); /* GNU as 2.40 makes VQRSHRN of VQSHRN */
        int8x16_t values = vqmovnbq_s16((int8x16_t)even, even);
        values = vqmovntq_s16(values, vshrq_n_s16(odd, TD_ADD_SHIFT - 16));
        vstrbq_p_s8(output, vminq_s8(vmaxq_s8(values, low), high), these);
    }
}

/* td_rescale. */
TD_INLINE int32x4_t add_rescaled_mve(int32x4_t values, td_requant requant) {
    const int32x4_t high = vqrdmulhq_n_s32(values, requant.multiplier);
    if (requant.shift == 0) {
        return high;
    }
    return vrshlq_n_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), requant.shift);
}

/* See add_exactly in td_add.c: four values at a time. */
__attribute__((noinline)) static void add_run_exactly_mve(const td_add_params *p, const int8_t *a, const int8_t *b,
                                                          int8_t *output, int32_t count) {
    const int32x4_t low = vdupq_n_s32(p->output_min), high = vdupq_n_s32(p->output_max);
    for (int32_t left = count; left > 0; left -= 4, a += 4, b += 4, output += 4) {
        const mve_pred16_t these = vctp32q((uint32_t)left);
        const int32x4_t a_values = vshlq_n_s32(vaddq_n_s32(vldrbq_z_s32(a, these), p->a_offset), 20);
        const int32x4_t b_values = vshlq_n_s32(vaddq_n_s32(vldrbq_z_s32(b, these), p->b_offset), 20);
        int32x4_t sum = add_rescaled_mve(a_values, p->a_requant);
        sum = vaddq_s32(sum, add_rescaled_mve(b_values, p->b_requant));
        sum = vaddq_n_s32(add_rescaled_mve(sum, p->output_requant), p->output_offset);
        vstrbq_p_s32(output, vminq_s32(vmaxq_s32(sum, low), high), these);
    }
}

#endif
#endif /* TD_ADD_MVE_H */
