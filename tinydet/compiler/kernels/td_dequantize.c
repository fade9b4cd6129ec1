/* DEQUANTIZE to float. */
#include "td_fixed_point.h"

void td_dequantize_s8(const td_dequantize_params *p, const int8_t *input, td_arena_f32 *output, int32_t begin,
                      int32_t end) {
    for (int32_t i = begin; i < end; i++) {
        output[i] = p->scale * (float)(input[i] - p->zero_point);
    }
}

void td_dequantize_u8(const td_dequantize_params *p, const uint8_t *input, td_arena_f32 *output, int32_t begin,
                      int32_t end) {
    for (int32_t i = begin; i < end; i++) {
        output[i] = p->scale * (float)(input[i] - p->zero_point);
    }
}
