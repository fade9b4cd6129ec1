/* td_conv_block.h: the inner loops of CONV_2D: all output channels of four pixels. Not for callers.
 *
 * What the four pixels see is gathered as int16, two values of each pixel side by side:
 * gathered[8 * j + 2 * pixel + half] is value 2 * j + half. The weights of two output channels lie together,
 * four int8 for each pair of values: {first channel, second channel} of value 2 * j, then of 2 * j + 1. So a
 * processor that multiplies pairs (Arm SMLAD, x86 PMADDWD) hardly needs shuffles. Before an odd last channel
 * stands one of zeros. Where weights are joined (p->is_joined), the two bytes are the int16
 * second * 256 + first. */
#ifndef TD_CONV_BLOCK_H
#define TD_CONV_BLOCK_H

#include "td_fixed_point.h"
#include "td_small.h"

#define TD_CONV_PIXELS 4

#if defined(__GNUC__) /* for int8 and uint8 alike: once in the program */
#define TD_CONV_SHARED static __attribute__((noinline))
#else
#define TD_CONV_SHARED static
#endif

/* The assembler code knows this order: twelve words on a 32-bit machine. */
typedef struct {
    int8_t *pixels[TD_CONV_PIXELS]; /* output, channel 0. Those that are missing repeat the first, which is written last */
    ptrdiff_t first;                /* of the channels, as a distance from channel 0 */
    int32_t rounded_offset;         /* 2 * output offset + 1, one less for the assembler code where p->is_positive */
    const td_conv_channels *channels;
    const td_arena_s16 *gathered, *gathered_end; /* 4-byte aligned */
    const int8_t *weights;                  /* 4-byte aligned */
    ptrdiff_t channel_stride; /* from a channel of an output pixel to the next; 0: the first of a pair is overwritten */
    const td_conv_channels *channels_end;
} td_conv_block;

/* The sum of one channel to an output value, before the clamp, for factors below 1, in the form of
 * td_conv_channels. The last bit of the right shift is left for the end, where offset and rounding go with it. */
TD_INLINE int32_t conv_rescale_down(int32_t sum, td_requant factor, int32_t rounded_offset) {
    const int64_t product = (int64_t)sum * factor.multiplier + (INT64_C(1) << 31);
    int32_t high = (int32_t)(product >> 32) + sum; /* the multiplier is 2**32 too low */
    high += high >> 31;
    return ((high >> factor.shift) + rounded_offset) >> 1;
}

/* The same for any factor. */
TD_INLINE int32_t conv_rescale(int32_t sum, td_requant factor, int32_t offset) {
    const td_requant requant = {(int32_t)((uint32_t)factor.multiplier >> 1), -1 - factor.shift};
    return td_rescale(sum, requant) + offset;
}

/* The weight of the second channel of a pair. */
TD_INLINE int32_t conv_second_weight(const int8_t *weights, int is_joined) {
    return weights[1] + (is_joined && weights[0] < 0);
}

#if defined(__GNUC__) && defined(__has_builtin) && !defined(TD_PORTABLE)
#if __has_builtin(__builtin_shufflevector) && __has_builtin(__builtin_convertvector)
#if defined(__SSE2__) || defined(__ARM_NEON)
#define TD_CONV_VECTORS_OF_16 1
#endif
#endif
#endif

#if defined(TD_CONV_VECTORS_OF_16)

typedef int8_t conv_v16s8 __attribute__((vector_size(16)));
typedef int16_t conv_v4s16 __attribute__((vector_size(8)));
typedef int16_t conv_v8s16 __attribute__((vector_size(16)));
typedef int32_t conv_v4s32 __attribute__((vector_size(16)));
typedef conv_v16s8 conv_v16s8_at __attribute__((aligned(1), may_alias));
typedef conv_v8s16 conv_v8s16_at __attribute__((aligned(4), may_alias));

/* a0 * b0 + a1 * b1, a2 * b2 + a3 * b3, ... */
TD_INLINE conv_v4s32 conv_multiply_pairs(conv_v8s16 a, conv_v8s16 b) {
#if defined(__SSE2__)
    return __builtin_ia32_pmaddwd128(a, b);
#else
    const conv_v4s16 a_even = __builtin_shufflevector(a, a, 0, 2, 4, 6);
    const conv_v4s16 a_odd = __builtin_shufflevector(a, a, 1, 3, 5, 7);
    const conv_v4s16 b_even = __builtin_shufflevector(b, b, 0, 2, 4, 6);
    const conv_v4s16 b_odd = __builtin_shufflevector(b, b, 1, 3, 5, 7);
    return __builtin_convertvector(a_even, conv_v4s32) * __builtin_convertvector(b_even, conv_v4s32) +
           __builtin_convertvector(a_odd, conv_v4s32) * __builtin_convertvector(b_odd, conv_v4s32);
#endif
}

/* Four steps at a time, each of four pixels. One copy of it: a page shall stay small. */
static __attribute__((noinline)) void conv_sums(const td_conv_block *b, const int8_t *weights, int is_joined,
                                                int32_t sums[2][TD_CONV_PIXELS]) {
    conv_v4s32 sum_0 = {0}, sum_1 = {0};
    const td_arena_s16 *in = b->gathered;
    for (; b->gathered_end - in >= 32; in += 32, weights += 16) {
        conv_v16s8 narrow = *(const conv_v16s8_at *)weights;
        if (is_joined) { /* the upper byte is one too low where the lower one is negative */
            narrow -= (conv_v16s8)((conv_v8s16)narrow << 8) < 0;
        }
        /* Per step {a0, b0, a1, b1} -> {a0, a1}, {b0, b1}, for each pixel. */
#define TD_CONV_STEP(half, step, at)                                                                              \
    do {                                                                                                          \
        const conv_v8s16 values = *(const conv_v8s16_at *)(in + 8 * (at));                                        \
        sum_0 += conv_multiply_pairs(values, __builtin_shufflevector(half, half, step, step + 2, step, step + 2,  \
                                                                     step, step + 2, step, step + 2));            \
        sum_1 += conv_multiply_pairs(values, __builtin_shufflevector(half, half, step + 1, step + 3, step + 1,    \
                                                                     step + 3, step + 1, step + 3, step + 1,      \
                                                                     step + 3));                                  \
    } while (0)
        const conv_v8s16 low = __builtin_convertvector(
            __builtin_shufflevector(narrow, narrow, 0, 1, 2, 3, 4, 5, 6, 7), conv_v8s16);
        const conv_v8s16 high = __builtin_convertvector(
            __builtin_shufflevector(narrow, narrow, 8, 9, 10, 11, 12, 13, 14, 15), conv_v8s16);
        TD_CONV_STEP(low, 0, 0);
        TD_CONV_STEP(low, 4, 1);
        TD_CONV_STEP(high, 0, 2);
        TD_CONV_STEP(high, 4, 3);
#undef TD_CONV_STEP
    }
    for (; in < b->gathered_end; in += 8, weights += 4) {
        const conv_v4s32 even = {in[0], in[2], in[4], in[6]}, odd = {in[1], in[3], in[5], in[7]};
        sum_0 += even * weights[0] + odd * weights[2];
        sum_1 += even * conv_second_weight(weights, is_joined) + odd * conv_second_weight(weights + 2, is_joined);
    }
    for (int i = 0; i < TD_CONV_PIXELS; i++) {
        sums[0][i] = sum_0[i];
        sums[1][i] = sum_1[i];
    }
}

#else

TD_INLINE void conv_sums(const td_conv_block *b, const int8_t *weights, int is_joined,
                         int32_t sums[2][TD_CONV_PIXELS]) {
    /* Two pixels at a time: four sums, two values and a weight fit in the registers of every core. */
    for (int pixel = 0; pixel < TD_CONV_PIXELS; pixel += 2) {
        int32_t sum_00 = 0, sum_01 = 0, sum_10 = 0, sum_11 = 0;
        const int8_t *w = weights;
        for (const td_arena_s16 *in = b->gathered + 2 * pixel; in < b->gathered_end; in += 8, w += 4) {
            for (int half = 0; half < 2; half++) {
                const int32_t first = w[2 * half], second = conv_second_weight(w + 2 * half, is_joined);
                sum_00 += in[half] * first;
                sum_01 += in[2 + half] * first;
                sum_10 += in[half] * second;
                sum_11 += in[2 + half] * second;
            }
        }
        sums[0][pixel] = sum_00;
        sums[0][pixel + 1] = sum_01;
        sums[1][pixel] = sum_10;
        sums[1][pixel + 1] = sum_11;
    }
}

#endif

TD_INLINE void conv_block_channels(const td_conv_params *p, const td_conv_block *b, int is_plain,
                                   int is_joined) {
    const ptrdiff_t weights_of_pair = (b->gathered_end - b->gathered) / 2;
    const int8_t *weights = b->weights;
    ptrdiff_t at = b->first;
    for (const td_conv_channels *c = b->channels; c < b->channels_end; c++) {
        int32_t sums[2][TD_CONV_PIXELS];
        conv_sums(b, weights, is_joined, sums);
        weights += weights_of_pair;
        for (int k = 0; k < 2; k++, at += b->channel_stride) {
            const uint32_t bias = (uint32_t)(k == 0 ? c->first_bias : c->second_bias);
            const td_requant factor = {k == 0 ? c->first_multiplier : c->second_multiplier,
                                       k == 0 ? c->first_shift : c->second_shift};
            for (int i = 0; i < TD_CONV_PIXELS; i++) {
                const int32_t sum = (int32_t)((uint32_t)sums[k][i] + bias);
                sums[k][i] = td_clamp(is_plain ? conv_rescale_down(sum, factor, b->rounded_offset)
                                               : conv_rescale(sum, factor, p->output_offset),
                                      p->output_min, p->output_max);
            }
            for (int i = TD_CONV_PIXELS - 1; i >= 0; i--) {
                b->pixels[i][at] = (int8_t)sums[k][i];
            }
        }
    }
}

TD_SMALL TD_CONV_SHARED void conv_block_general(const td_conv_params *p, const td_conv_block *b) {
    conv_block_channels(p, b, 0, 0);
}

TD_INLINE void conv_block_plain(const td_conv_params *p, const td_conv_block *b) {
    if (p->is_joined) {
        conv_block_channels(p, b, 1, 1);
    } else {
        conv_block_channels(p, b, 1, 0);
    }
}

#endif /* TD_CONV_BLOCK_H */
