/* td_depthwise_mve.h: pixels of a 3x3 DEPTHWISE_CONV_2D on interleaved rows in Helium (Cortex-M55, M85), eight channels
 * at a time. Not for callers. */
#ifndef TD_DEPTHWISE_MVE_H
#define TD_DEPTHWISE_MVE_H

#include "td_fixed_point.h"

#ifdef TD_MVE

#include <arm_mve.h>

/* Every second channel from `factor` on, of rounding TD_ROUND_SHIFTED or TD_ROUND_POSITIVE. */
TD_INLINE int32x4_t depthwise_rounded_mve(int32x4_t sums, const td_depthwise_factor *factor, mve_pred16_t these) {
    const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), 2 * sizeof *factor);
    const int32x4_t bias = vldrwq_gather_offset_z_s32(&factor->bias, places, these);
    const uint32x4_t twice =
        vldrwq_gather_offset_z_u32((const uint32_t *)(const void *)&factor->twice_multiplier, places, these);
    const int32x4_t half_shift = vldrwq_gather_offset_z_s32(&factor->half_shift, places, these);
    int32x4_t high = vqrdmulhq_s32(vaddq_s32(sums, bias), (int32x4_t)vshrq_n_u32(twice, 1));
    high = vaddq_s32(high, vshrq_n_s32(high, 31));
    return vrshlq_s32(high, vmvnq_s32(half_shift)); /* -1 - half_shift: the right shift */
}

/* All channels of a pixel; `taps` are the nine input pixels. */
__attribute__((noinline)) static void depthwise_pixel_mve(const td_depthwise_params *p, const int8_t *const *taps,
                                                          int8_t *output) {
    const int32_t channels = p->input_channels;
    for (int32_t c = 0; c < channels; c += 8) {
        const int32_t left = channels - c;
        const mve_pred16_t these = vctp16q((uint32_t)left);
        const int8_t *weights = p->weights + c;
        int32x4_t even = vdupq_n_s32(0), odd = vdupq_n_s32(0);
        if (left >= 8) {
            for (int32_t tap = 0; tap < 9; tap++, weights += channels) {
                const int16x8_t products = vmulq_s16(vldrbq_s16(taps[tap] + c), vldrbq_s16(weights));
                even = vaddq_s32(even, vmovlbq_s16(products));
                odd = vaddq_s32(odd, vmovltq_s16(products));
            }
        } else {
            for (int32_t tap = 0; tap < 9; tap++, weights += channels) {
                const int16x8_t in = vldrbq_z_s16(taps[tap] + c, these);
                const int16x8_t products = vmulq_s16(in, vldrbq_z_s16(weights, these));
                even = vaddq_s32(even, vmovlbq_s16(products));
                odd = vaddq_s32(odd, vmovltq_s16(products));
            }
        }
        even = depthwise_rounded_mve(even, p->channel + c, vctp32q((uint32_t)(left + 1) / 2));
        odd = depthwise_rounded_mve(odd, p->channel + c + 1, vctp32q((uint32_t)left / 2));
        int16x8_t values = vqmovntq_s32(vqmovnbq_s32(vdupq_n_s16(0), even), odd);
        values = vqaddq_n_s16(values, p->output_offset);
        vstrbq_p_s16(output + c, (int16x8_t)vqmovnbq_s16((int8x16_t)values, values), these);
    }
}

#endif
#endif /* TD_DEPTHWISE_MVE_H */
