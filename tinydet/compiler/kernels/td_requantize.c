/* QUANTIZE between 8-bit types; RELU and its kin. */
#include "td_fixed_point.h"

TD_INLINE int32_t requantized(const td_requantize_params *p, int32_t value) {
    value = td_rescale(value + p->input_offset, p->requant) + p->output_offset;
    return td_clamp(value, p->output_min, p->output_max);
}

void td_requantize_s8_s8(const td_requantize_params *p, const int8_t *input, int8_t *output, int32_t begin,
                         int32_t end) {
    for (int32_t i = begin; i < end; i++) {
        output[i] = (int8_t)requantized(p, input[i]);
    }
}

void td_requantize_s8_u8(const td_requantize_params *p, const int8_t *input, uint8_t *output, int32_t begin,
                         int32_t end) {
    for (int32_t i = begin; i < end; i++) {
        output[i] = (uint8_t)requantized(p, input[i]);
    }
}

void td_requantize_u8_s8(const td_requantize_params *p, const uint8_t *input, int8_t *output, int32_t begin,
                         int32_t end) {
    for (int32_t i = begin; i < end; i++) {
        output[i] = (int8_t)requantized(p, input[i]);
    }
}

void td_requantize_u8_u8(const td_requantize_params *p, const uint8_t *input, uint8_t *output, int32_t begin,
                         int32_t end) {
    for (int32_t i = begin; i < end; i++) {
        output[i] = (uint8_t)requantized(p, input[i]);
    }
}
