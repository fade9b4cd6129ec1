/* SOFTMAX over two values, by table: the same time for every row. */
#include "td_dsp.h"

void td_softmax_pairs_s8(const int8_t table[512], const int8_t *input, int8_t *output, int32_t row_begin,
                         int32_t row_end) {
    input += 2 * (ptrdiff_t)row_begin;
    output += 2 * (ptrdiff_t)row_begin;
    TD_RARE_LOOP
    for (int32_t row = row_begin; row < row_end; row++, input += 2, output += 2) {
        const int32_t distance = input[0] - input[1];
        const int32_t second_is_larger = distance < 0;
        const int8_t *const entry = table + 2 * (second_is_larger ? -distance : distance);
        const int8_t first = entry[second_is_larger], second = entry[1 - second_is_larger];
        output[0] = first;
        output[1] = second;
    }
}
