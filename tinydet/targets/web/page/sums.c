/* The sums of convolutions in relaxed SIMD: a module of its own, because browsers refuse what they do not know. It works in
 * the memory of detector.c, without a stack there. */
#include "td_conv_sums.h"

__attribute__((export_name("sums"))) void sums(const int8_t *in, const tile_weights *tile, int32_t fours,
                                               tile_sums *results);

void sums(const int8_t *in, const tile_weights *tile, int32_t fours, tile_sums *results) {
    conv_tile_sums_here(in, tile, fours, results);
}
