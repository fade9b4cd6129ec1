/* QUANTIZE from float. */
#include "td_fixed_point.h"

/* value / scale rounded, halves away from zero, plus the zero point; limited where the result clamps anyway. A
 * NaN becomes `low`. */
TD_INLINE int32_t quantized(const td_dequantize_params *p, float value, int32_t low, int32_t high) {
    const float steps = value / p->scale;
    if (!(steps > -1024.0F)) {
        return low;
    }
    if (steps > 1024.0F) {
        return high;
    }
    int32_t whole = (int32_t)steps;
    const float rest = steps - (float)whole;
    if (rest >= 0.5F) {
        whole++;
    } else if (rest <= -0.5F) {
        whole--;
    }
    return td_clamp(whole + p->zero_point, low, high);
}

void td_quantize_s8(const td_dequantize_params *p, const td_arena_f32 *input, int8_t *output, int32_t begin,
                    int32_t end) {
    for (int32_t i = begin; i < end; i++) {
        output[i] = (int8_t)quantized(p, input[i], -128, 127);
    }
}

void td_quantize_u8(const td_dequantize_params *p, const td_arena_f32 *input, uint8_t *output, int32_t begin,
                    int32_t end) {
    for (int32_t i = begin; i < end; i++) {
        output[i] = (uint8_t)quantized(p, input[i], 0, 255);
    }
}
