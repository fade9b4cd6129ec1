/* SOFTMAX. */
#include "td_fixed_point.h"

enum {
    SUM_INTEGER_BITS = 12, /* of the sum of exponentials, which is Q12.19 */
    ONE_Q2_29 = 1 << 29,
    Q2_48_17 = 1515870810,     /* 48/17 */
    Q2_MINUS_32_17 = -1010580540 /* -32/17 */
};

TD_INLINE int32_t saturating_left_shift(int32_t value, int32_t bits) {
    const int32_t limit = INT32_MAX >> bits;
    return value > limit ? INT32_MAX : value < -limit - 1 ? INT32_MIN : value * (1 << bits);
}

/* 1 / (1 + x) in Q0.31, for 1 + x = denominator / 2**31 in [1, 2): three Newton-Raphson steps from the linear
 * estimate 48/17 - 32/17 * d of 1 / d, d in [1/2, 1). */
TD_INLINE int32_t reciprocal(uint32_t denominator) {
    const int32_t half = (int32_t)(denominator >> 1);
    int32_t estimate = Q2_48_17 + td_high_product(half, Q2_MINUS_32_17);
    for (int i = 0; i < 3; i++) {
        const int32_t error = ONE_Q2_29 - td_high_product(half, estimate);
        estimate += saturating_left_shift(td_high_product(estimate, error), 2);
    }
    return saturating_left_shift(estimate, 1);
}

TD_INLINE void softmax_row(const td_softmax_params *p, const int8_t *input, int8_t *output) {
    int32_t largest = -128;
    for (int32_t c = 0; c < p->classes; c++) {
        largest = input[c] > largest ? input[c] : largest;
    }
    int32_t sum = 0;
    for (int32_t c = 0; c < p->classes; c++) {
        sum += td_divide_by_power(p->exp_table[largest - input[c]], SUM_INTEGER_BITS);
    }
    /* The largest value alone contributes 1.0: the sum is at least 2**19 and the loop ends. */
    uint32_t normalized = (uint32_t)sum;
    int32_t bits_over_unit = SUM_INTEGER_BITS;
    while ((normalized & UINT32_C(0x80000000)) == 0) {
        normalized <<= 1;
        bits_over_unit--;
    }
    const int32_t scale = reciprocal(normalized);
    /* Beyond 32 bits nothing is left of a number below 2**31. */
    const int32_t shift = bits_over_unit + 31 - 8 > 32 ? 32 : bits_over_unit + 31 - 8;
    for (int32_t c = 0; c < p->classes; c++) {
        const int32_t share = td_high_product(scale, p->exp_table[largest - input[c]]);
        output[c] = (int8_t)td_clamp(td_divide_by_power(share, shift) - 128, -128, 127);
    }
}

void td_softmax_s8(const td_softmax_params *p, const int8_t *input, int8_t *output, int32_t row_begin,
                   int32_t row_end) {
    for (int32_t row = row_begin; row < row_end; row++) {
        const ptrdiff_t start = (ptrdiff_t)row * p->classes;
        softmax_row(p, input + start, output + start);
    }
}
