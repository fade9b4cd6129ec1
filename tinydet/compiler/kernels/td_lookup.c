/* LOGISTIC, by table. */
#include "td_fixed_point.h"

void td_lookup_s8(const int8_t table[256], const int8_t *input, int8_t *output, int32_t begin, int32_t end) {
    for (int32_t i = begin; i < end; i++) {
        output[i] = table[(uint8_t)input[i]];
    }
}
