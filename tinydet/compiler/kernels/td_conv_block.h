/* td_conv_block.h: the inner loops of CONV_2D: all output channels of four pixels. Not for callers.
 *
 * What the four pixels see is gathered as int16, two values of each pixel side by side:
 * gathered[8 * j + 2 * pixel + half] is value 2 * j + half. The weights of two output channels lie together,
 * four int8 for each pair of values: {first channel, second channel} of value 2 * j, then of 2 * j + 1. So a
 * processor that multiplies pairs (Arm SMLAD, x86 PMADDWD) needs no shuffles. An odd last channel has a
 * neighbour of zeros. */
#ifndef TD_CONV_BLOCK_H
#define TD_CONV_BLOCK_H

#include "td_fixed_point.h"

#define TD_CONV_PIXELS 4

/* The assembler code knows this order: twelve words on a 32-bit machine. */
typedef struct {
    int8_t *pixels[TD_CONV_PIXELS]; /* output, channel 0. Those that are missing repeat the first, which is written last */
    ptrdiff_t second;               /* distance of the second channel from channel 0 */
    const td_conv_channel *channels, *channels_end; /* an even number */
    const int16_t *gathered, *gathered_end;         /* 4-byte aligned */
    const int8_t *weights;                          /* 4-byte aligned */
    ptrdiff_t channel_stride; /* from a channel of an output pixel to the next; 0: the second of each pair is dropped */
    int32_t rounded_offset;   /* 2 * output offset + 1 */
} td_conv_block;

/* The sum of one channel to an output value, before the clamp, for factors below 1. Half the rescaling shift
 * is left for the end, where offset and rounding go with it. */
TD_INLINE int32_t conv_rescale_down(int32_t sum, const td_conv_channel *channel, int32_t rounded_offset) {
    const int64_t product = (int64_t)sum * channel->twice_multiplier + (INT64_C(1) << 31);
    int32_t high = (int32_t)(product >> 32) + sum; /* the multiplier is 2**32 too low */
    high += high >> 31;
    return ((high >> channel->shift) + rounded_offset) >> 1;
}

/* The same for any factor. */
TD_INLINE int32_t conv_rescale(int32_t sum, const td_conv_channel *channel, int32_t offset) {
    const td_requant requant = {(int32_t)((uint32_t)channel->twice_multiplier >> 1), -1 - channel->shift};
    return td_rescale(sum, requant) + offset;
}

#if defined(__SSE2__) && defined(__GNUC__)

/* 128-bit vectors of the compiler: [pixel] int32, or [pixel][half] int16. */
typedef int32_t conv_sums4 __attribute__((vector_size(16)));
typedef int16_t conv_pairs4 __attribute__((vector_size(16)));
typedef conv_pairs4 conv_pairs4_at __attribute__((aligned(4), may_alias));

TD_INLINE void conv_sums(const td_conv_block *b, const int8_t *weights, int32_t sums[2][TD_CONV_PIXELS]) {
    conv_sums4 first = {0, 0, 0, 0}, second = first;
    for (const int16_t *in = b->gathered; in < b->gathered_end; in += 8, weights += 4) {
        const conv_pairs4 values = *(const conv_pairs4_at *)in;
        const int16_t a = weights[0], b_ = weights[2], c = weights[1], d = weights[3];
        const conv_pairs4 w_0 = {a, b_, a, b_, a, b_, a, b_}, w_1 = {c, d, c, d, c, d, c, d};
        first += (conv_sums4)__builtin_ia32_pmaddwd128(values, w_0);
        second += (conv_sums4)__builtin_ia32_pmaddwd128(values, w_1);
    }
    for (int i = 0; i < TD_CONV_PIXELS; i++) {
        sums[0][i] = first[i];
        sums[1][i] = second[i];
    }
}

#else

TD_INLINE void conv_sums(const td_conv_block *b, const int8_t *weights, int32_t sums[2][TD_CONV_PIXELS]) {
    /* Two pixels at a time: four sums, two values and a weight fit in the registers of every core. */
    for (int pixel = 0; pixel < TD_CONV_PIXELS; pixel += 2) {
        int32_t sum_00 = 0, sum_01 = 0, sum_10 = 0, sum_11 = 0;
        const int8_t *w = weights;
        for (const int16_t *in = b->gathered + 2 * pixel; in < b->gathered_end; in += 8, w += 4) {
            sum_00 += in[0] * w[0] + in[1] * w[2];
            sum_01 += in[2] * w[0] + in[3] * w[2];
            sum_10 += in[0] * w[1] + in[1] * w[3];
            sum_11 += in[2] * w[1] + in[3] * w[3];
        }
        sums[0][pixel] = sum_00;
        sums[0][pixel + 1] = sum_01;
        sums[1][pixel] = sum_10;
        sums[1][pixel + 1] = sum_11;
    }
}

#endif

TD_INLINE void conv_block_portable(const td_conv_params *p, const td_conv_block *b) {
    const ptrdiff_t weights_of_pair = (b->gathered_end - b->gathered) / 2;
    const int8_t *weights = b->weights;
    ptrdiff_t at = b->second - b->channel_stride;
    for (const td_conv_channel *c = b->channels; c < b->channels_end; c += 2) {
        int32_t sums[2][TD_CONV_PIXELS];
        conv_sums(b, weights, sums);
        weights += weights_of_pair;
        for (int k = 1; k >= 0; k--) { /* a dropped second channel is overwritten by the first */
            for (int i = TD_CONV_PIXELS - 1; i >= 0; i--) {
                const int32_t sum = (int32_t)((uint32_t)sums[k][i] + (uint32_t)c[k].bias);
                const int32_t value = p->is_plain ? conv_rescale_down(sum, &c[k], b->rounded_offset)
                                                  : conv_rescale(sum, &c[k], p->output_offset);
                b->pixels[i][at + k * b->channel_stride] =
                    (int8_t)td_clamp(value, p->output_min, p->output_max);
            }
        }
        at += 2 * b->channel_stride;
    }
}

#endif /* TD_CONV_BLOCK_H */
