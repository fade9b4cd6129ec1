/* td_resize_mve.h: RESIZE_BILINEAR to twice the size in Helium (Cortex-M55, M85), eight channels at a time. Not for
 * callers. */
#ifndef TD_RESIZE_MVE_H
#define TD_RESIZE_MVE_H

#include "td_fixed_point.h"

#ifdef TD_MVE

#include <arm_mve.h>

/* 3/4 and 1/4 of two rows, in quarters. */
TD_INLINE int16x8_t resize_column_mve(const int8_t *near, const int8_t *far, mve_pred16_t these) {
    return vmlaq_n_s16(vldrbq_z_s16(far, these), vldrbq_z_s16(near, these), 3);
}

/* 3/4 and 1/4 of two columns: halves away from zero. */
TD_INLINE void resize_store_mve(int8_t *output, int16x8_t here, int16x8_t other, mve_pred16_t these) {
    const int16x8_t sum = vmlaq_n_s16(other, here, 3);
    vstrbq_p_s16(output, vrshrq_n_s16(vaddq_s16(sum, vshrq_n_s16(sum, 15)), 4), these);
}

/* See resize_twice in td_resize_bilinear.c. */
__attribute__((noinline)) static void resize_twice_mve(const int8_t *near, const int8_t *far, int8_t *output,
                                                       int32_t width, int32_t channels) {
    for (int32_t c = 0; c < channels; c += 8) {
        const mve_pred16_t these = vctp16q((uint32_t)(channels - c));
        const int8_t *n = near + c, *f = far + c;
        int8_t *out = output + c;
        int16x8_t here = resize_column_mve(n, f, these), left = here;
        for (int32_t x = 1; x <= width; x++, out += 2 * channels) {
            n += x < width ? channels : 0;
            f += x < width ? channels : 0;
            const int16x8_t right = resize_column_mve(n, f, these);
            resize_store_mve(out, here, left, these);
            resize_store_mve(out + channels, here, right, these);
            left = here;
            here = right;
        }
    }
}

#endif
#endif /* TD_RESIZE_MVE_H */
