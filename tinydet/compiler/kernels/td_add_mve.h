/* td_add_mve.h: ADD by factors in Helium (Cortex-M55, M85), four values at a time. Not for callers. */
#ifndef TD_ADD_MVE_H
#define TD_ADD_MVE_H

#include "td_fixed_point.h"

#ifdef TD_MVE

#include <arm_mve.h>

/* See add_run in td_add.c. A value in the highest byte of a word: the upper half of the product is divided by 2**8. */
TD_INLINE int32x4_t add_scaled_mve(const int8_t *values, int32x4_t factor, mve_pred16_t these) {
    return vmulhq_s32(vshlq_n_s32(vldrbq_z_s32(values, these), 24), factor);
}

__attribute__((noinline)) static void add_run_mve(const td_add_params *p, const int8_t *a, const int8_t *b,
                                                  int8_t *output, int32_t count) {
    const int32x4_t a_factor = vdupq_n_s32(p->a_factor), b_factor = vdupq_n_s32(p->b_factor);
    const int32x4_t low = vdupq_n_s32(p->output_min), high = vdupq_n_s32(p->output_max);
    for (int32_t left = count; left > 0; left -= 4, a += 4, b += 4, output += 4) {
        const mve_pred16_t these = vctp32q((uint32_t)left);
        int32x4_t sum = vaddq_n_s32(add_scaled_mve(a, a_factor, these), p->addend);
        sum = vaddq_s32(sum, add_scaled_mve(b, b_factor, these));
        sum = vminq_s32(vmaxq_s32(vshrq_n_s32(sum, TD_ADD_SHIFT), low), high);
        vstrbq_p_s32(output, sum, these);
    }
}

#endif
#endif /* TD_ADD_MVE_H */
