/* td_depthwise_planar_mve.h: the form of td_depthwise_planar.c in Helium (Cortex-M55, M85): eight pixels of a channel
 * at a time, in lanes of 16 bits. Not for callers.
 *
 * Helium multiplies and adds lanes of one width only. The products of some taps fit into 16 bits where the magnitudes
 * of their weights sum to no more than 255. The compiler marks the channels of which those of three taps do, or those of
 * two (codegen/packing.py); these are widened and added then, else each product is.
 * Widening takes the even lanes apart from the odd ones, and narrowing joins them again. */
#ifndef TD_DEPTHWISE_PLANAR_MVE_H
#define TD_DEPTHWISE_PLANAR_MVE_H

#include "td_depthwise_planar.h"

#ifdef TD_MVE

#include <arm_mve.h>

enum { PLANAR_PIXELS = 8 };

/* Sums of eight pixels, even and odd ones. */
typedef struct {
    int32x4_t even, odd;
} planar_sums_mve;

/* What is the same for all pixels of a channel. */
typedef struct {
    int32_t bias, multiplier, shift; /* negative: to the right */
    int16_t weights[3][3];
} planar_filter_mve;

TD_INLINE planar_filter_mve planar_filter_of(const td_depthwise_channel *channel) {
    const int32_t rows[3] = {channel->row_0, channel->row_1, channel->row_2};
    planar_filter_mve filter;
    filter.bias = channel->bias;
    filter.multiplier = channel->multiplier;
    filter.shift = -(channel->row_0 >> 24);
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            filter.weights[i][j] = (int8_t)(rows[i] >> 8 * j);
        }
    }
    return filter;
}

/* Eight pixels of the three taps of a filter row. `count` is less than 8 where no more may be read; else 8. */
typedef struct {
    int16x8_t taps[3];
} planar_taps_mve;

TD_INLINE int8x16_t planar_bytes(const int8_t *at, int32_t count) {
    return count < 16 ? vldrbq_z_s8(at, vctp8q((uint32_t)count)) : vldrbq_s8(at);
}

TD_INLINE planar_taps_mve planar_load_mve(const int8_t *row, int32_t step, int32_t count) {
    planar_taps_mve in;
    if (step == 2) { /* the bytes at even places are tap 0, those at odd ones tap 1 */
        const int8x16_t bytes = planar_bytes(row, 2 * count);
        in.taps[0] = vmovlbq_s8(bytes);
        in.taps[1] = vmovltq_s8(bytes);
        in.taps[2] = vmovlbq_s8(planar_bytes(row + 2, 2 * count - 1));
        return in;
    }
    for (int j = 0; j < 3; j++) {
        in.taps[j] = count < PLANAR_PIXELS ? vldrbq_z_s16(row + j, vctp16q((uint32_t)count)) : vldrbq_s16(row + j);
    }
    return in;
}

TD_INLINE planar_sums_mve planar_widened(planar_sums_mve sums, int16x8_t products) {
    sums.even = vaddq_s32(sums.even, vmovlbq_s16(products));
    sums.odd = vaddq_s32(sums.odd, vmovltq_s16(products));
    return sums;
}

TD_INLINE planar_sums_mve planar_sums_of(const planar_filter_mve *filter, const int8_t *const rows[3], int32_t at,
                                         int32_t step, int32_t count) {
    planar_sums_mve sums = {vdupq_n_s32(filter->bias), vdupq_n_s32(filter->bias)};
    for (int i = 0; i < 3; i++) {
        const planar_taps_mve in = planar_load_mve(rows[i] + at, step, count);
        for (int j = 0; j < 3; j++) {
            sums = planar_widened(sums, vmulq_n_s16(in.taps[j], filter->weights[i][j]));
        }
    }
    return sums;
}

/* See td_divide_by_power; the right shift is at least 1. */
TD_INLINE int32x4_t planar_rescaled(int32x4_t sums, const planar_filter_mve *filter, int is_positive) {
    int32x4_t high = vqrdmulhq_n_s32(sums, filter->multiplier);
    if (!is_positive) {
        high = vaddq_s32(high, vshrq_n_s32(high, 31));
    }
    return vrshlq_n_s32(high, filter->shift);
}

/* `width` pixels of one channel, which go to `places` of the output. Nothing behind the last window is read. */
TD_INLINE void planar_channel_in_mve(const td_depthwise_planar_params *p, const planar_filter_mve *filter,
                                     const int8_t *const rows[3], int32_t step, uint16x8_t places,
                                     int8_t *output, int32_t width) {
    const int is_positive = p->rounding == TD_ROUND_POSITIVE;
    int32_t at = 0;
    for (int32_t left = width; left > 0; left -= PLANAR_PIXELS, at += PLANAR_PIXELS * step) {
        const planar_sums_mve sums = planar_sums_of(filter, rows, at, step, left);
        int16x8_t values = vqmovnbq_s32(vdupq_n_s16(0), planar_rescaled(sums.even, filter, is_positive));
        values = vqmovntq_s32(values, planar_rescaled(sums.odd, filter, is_positive));
        values = vqaddq_n_s16(values, p->output_offset);
        const int16x8_t bytes = (int16x8_t)vqmovnbq_s16((int8x16_t)values, values);
        vstrbq_scatter_offset_p_s16(output, places, bytes, vctp16q((uint32_t)left));
        output += PLANAR_PIXELS * p->channels;
    }
}

/* The rare cases: large weights, the odd last pixel of a row. */
__attribute__((noinline)) static void planar_channel_mve(const td_depthwise_planar_params *p,
                                                         const planar_filter_mve *filter, const int8_t *const rows[3],
                                                         uint16x8_t places, int8_t *output, int32_t width) {
    planar_channel_in_mve(p, filter, rows, p->stride_width, places, output, width);
}

/* The assembler code knows this order. */
typedef struct {
    const int8_t *row[3]; /* of the channel that comes next */
    int32_t row_step[3];
    const td_depthwise_channel *channel, *channels_end;
    int8_t *output;
    int32_t width; /* even */
    uint16_t places[8];
    int16_t output_offset[8];
    uint16_t next_places[8]; /* of the next eight pixels, behind these */
} planar_row_mve;

_Static_assert(offsetof(planar_row_mve, row_step) == 12 && offsetof(planar_row_mve, channel) == 24 &&
                   offsetof(planar_row_mve, channels_end) == 28 && offsetof(planar_row_mve, output) == 32 &&
                   offsetof(planar_row_mve, width) == 36 && offsetof(planar_row_mve, places) == 40 &&
                   offsetof(planar_row_mve, output_offset) == 56 && offsetof(planar_row_mve, next_places) == 72,
               "the assembler code reads planar_row_mve");

/* Products of a tap of eight pixels, in q1, begin a sum of 16 bits in q0, or are added to it. */
#define TD_PLANAR_MVE_FIRST(weight) "vmul.i16 q0, q1, " weight "\n"
#define TD_PLANAR_MVE_NEXT(weight) "vmla.s16 q0, q1, " weight "\n"

/* The nine taps in an order in which three and three lie in different rows and columns of the filter: the largest
 * weights are neighbours as a rule. Row 0 advances at the first tap, row 2 at the sixth, row 1 at the eighth. */
#define TD_PLANAR_MVE_TAP_1(place, weight, ADD) "vldrb.s16 q1, [" place "\n" ADD(weight)
#define TD_PLANAR_MVE_TAP_0_1(ADD) TD_PLANAR_MVE_TAP_1("r0], #8", "r3", ADD)
#define TD_PLANAR_MVE_TAP_1_1(ADD) TD_PLANAR_MVE_TAP_1("r1, #1]", "r7", ADD)
#define TD_PLANAR_MVE_TAP_2_1(ADD) TD_PLANAR_MVE_TAP_1("r2, #2]", "r11", ADD)
#define TD_PLANAR_MVE_TAP_3_1(ADD) TD_PLANAR_MVE_TAP_1("r0, #-7]", "r4", ADD)
#define TD_PLANAR_MVE_TAP_4_1(ADD) TD_PLANAR_MVE_TAP_1("r1, #2]", "r8", ADD)
#define TD_PLANAR_MVE_TAP_5_1(ADD) TD_PLANAR_MVE_TAP_1("r2], #8", "r9", ADD)
#define TD_PLANAR_MVE_TAP_6_1(ADD) TD_PLANAR_MVE_TAP_1("r0, #-6]", "r5", ADD)
#define TD_PLANAR_MVE_TAP_7_1(ADD) TD_PLANAR_MVE_TAP_1("r1], #8", "r6", ADD)
#define TD_PLANAR_MVE_TAP_8_1(ADD) TD_PLANAR_MVE_TAP_1("r2, #-7]", "r10", ADD)

/* The same with stride 2: the bytes at even places are those of taps 0 and 2, those at odd ones of tap 1. */
#define TD_PLANAR_MVE_TAP_2(place, half, weight, ADD) \
    "vldrb.u8 q1, [" place "\n"                       \
    "vmovl" half ".s8 q1, q1\n" ADD(weight)
#define TD_PLANAR_MVE_TAP_0_2(ADD) TD_PLANAR_MVE_TAP_2("r0], #16", "b", "r3", ADD)
#define TD_PLANAR_MVE_TAP_1_2(ADD) TD_PLANAR_MVE_TAP_2("r1]", "t", "r7", ADD)
#define TD_PLANAR_MVE_TAP_2_2(ADD) TD_PLANAR_MVE_TAP_2("r2, #2]", "b", "r11", ADD)
#define TD_PLANAR_MVE_TAP_3_2(ADD) TD_PLANAR_MVE_TAP_2("r0, #-16]", "t", "r4", ADD)
#define TD_PLANAR_MVE_TAP_4_2(ADD) TD_PLANAR_MVE_TAP_2("r1, #2]", "b", "r8", ADD)
#define TD_PLANAR_MVE_TAP_5_2(ADD) TD_PLANAR_MVE_TAP_2("r2], #16", "b", "r9", ADD)
#define TD_PLANAR_MVE_TAP_6_2(ADD) TD_PLANAR_MVE_TAP_2("r0, #-14]", "b", "r5", ADD)
#define TD_PLANAR_MVE_TAP_7_2(ADD) TD_PLANAR_MVE_TAP_2("r1], #16", "b", "r6", ADD)
#define TD_PLANAR_MVE_TAP_8_2(ADD) TD_PLANAR_MVE_TAP_2("r2, #-16]", "t", "r10", ADD)

/* The sums of even and odd pixels, 32 bits wide. */
#define TD_PLANAR_MVE_BEGIN      \
    "vmovlb.s16 q2, q0\n"        \
    "vadd.i32 q2, q2, q7\n"      \
    "vmovlt.s16 q3, q0\n"        \
    "vadd.i32 q3, q3, q7\n"

#define TD_PLANAR_MVE_WIDEN      \
    "vmovlb.s16 q1, q0\n"        \
    "vadd.i32 q2, q2, q1\n"      \
    "vmovlt.s16 q0, q0\n"        \
    "vadd.i32 q3, q3, q0\n"

#define TD_PLANAR_MVE_THREES(TAP)                                                                             \
    TAP(0)(TD_PLANAR_MVE_FIRST) TAP(1)(TD_PLANAR_MVE_NEXT) TAP(2)(TD_PLANAR_MVE_NEXT) TD_PLANAR_MVE_BEGIN    \
    TAP(3)(TD_PLANAR_MVE_FIRST) TAP(4)(TD_PLANAR_MVE_NEXT) TAP(5)(TD_PLANAR_MVE_NEXT) TD_PLANAR_MVE_WIDEN    \
    TAP(6)(TD_PLANAR_MVE_FIRST) TAP(7)(TD_PLANAR_MVE_NEXT) TAP(8)(TD_PLANAR_MVE_NEXT) TD_PLANAR_MVE_WIDEN
#define TD_PLANAR_MVE_TWOS(TAP)                                                        \
    TAP(0)(TD_PLANAR_MVE_FIRST) TAP(1)(TD_PLANAR_MVE_NEXT) TD_PLANAR_MVE_BEGIN         \
    TAP(2)(TD_PLANAR_MVE_FIRST) TAP(3)(TD_PLANAR_MVE_NEXT) TD_PLANAR_MVE_WIDEN         \
    TAP(4)(TD_PLANAR_MVE_FIRST) TAP(5)(TD_PLANAR_MVE_NEXT) TD_PLANAR_MVE_WIDEN         \
    TAP(6)(TD_PLANAR_MVE_FIRST) TAP(7)(TD_PLANAR_MVE_NEXT) TD_PLANAR_MVE_WIDEN         \
    TAP(8)(TD_PLANAR_MVE_FIRST) TD_PLANAR_MVE_WIDEN
#define TD_PLANAR_MVE_STEP_1(tap) TD_PLANAR_MVE_TAP_##tap##_1
#define TD_PLANAR_MVE_STEP_2(tap) TD_PLANAR_MVE_TAP_##tap##_2

#define TD_PLANAR_MVE_SIGN       \
    "vshr.s32 q0, q2, #31\n"     \
    "vshr.s32 q1, q3, #31\n"     \
    "vadd.i32 q2, q2, q0\n"      \
    "vadd.i32 q3, q3, q1\n"

/* The sums to output values, of eight pixels. */
#define TD_PLANAR_MVE_STORE(sign)     \
    "vqrdmulh.s32 q2, q2, q5\n"       \
    "vqrdmulh.s32 q3, q3, q5\n" sign  \
    "vrshl.s32 q2, q2, q4\n"          \
    "vrshl.s32 q3, q3, q4\n"          \
    "vqmovnb.s32 q2, q2\n"            \
    "vqmovnt.s32 q2, q3\n"            \
    "vldrw.u32 q0, [sp]\n"            \
    "vqadd.s16 q2, q2, q0\n"          \
    "vldrw.u32 q1, [sp, #16]\n"       \
    "vqmovnb.s16 q2, q2\n"            \
    "vstrb.16 q2, [r12, q6]\n"        \
    "vadd.i16 q6, q6, q1\n"

/* Channels as long as their products fit into 16 bits somehow; gives the first one of which they do not, or the end.
 * The pixels of a row go in a loop whose last vectors have fewer lanes.
 * r0 to r2 the rows, r3 to r11 the weights, r12 the output; q4 the shift, q5 the multiplier, q6 the places, q7 the bias,
 * q2 and q3 the sums of the even and the odd pixels. The word at sp + 96 points at the structure. */
#define TD_PLANAR_MVE_ROW(name, STEP, sign)                                                                  \
    __attribute__((naked, noinline, used)) static const td_depthwise_channel *name(                         \
        __attribute__((unused)) planar_row_mve *row) {                                                       \
        __asm__ volatile(".syntax unified\n"                                                                 \
                         "push {r0, r4-r11, lr}\n"                                                           \
                         "vpush {d8-d15}\n"                                                                  \
                         "mov r12, r0\n"                                                                     \
                         "vldrw.u32 q0, [r12, #72]\n"                                                        \
                         "vldrw.u32 q1, [r12, #56]\n"                                                        \
                         "sub sp, sp, #32\n"                                                                 \
                         "vstrw.32 q0, [sp, #16]\n"                                                          \
                         "vstrw.32 q1, [sp]\n"                                                                     \
                         "ldr r11, [r12, #24]\n"                                                             \
                         "1:\n" /* a channel */                                                              \
                         "ldm r11!, {r6, r7, r8, r9, r10}\n" /* bias, multiplier, three rows */              \
                         "lsrs r3, r9, #24\n"                                                                \
                         "beq.w 3f\n"                                                                        \
                         "cmp r3, #1\n"                                                                      \
                         "str r11, [r12, #24]\n"                                                             \
                         "vdup.32 q7, r6\n"                                                                  \
                         "vdup.32 q5, r7\n"                                                                  \
                         "asr r3, r8, #24\n"                                                                 \
                         "rsb r3, r3, #0\n"                                                                  \
                         "vdup.32 q4, r3\n"                                                                  \
                         "ldm r12, {r0, r1, r2, r3, r4, r5}\n"                                               \
                         "add r3, r3, r0\n"                                                                  \
                         "add r4, r4, r1\n"                                                                  \
                         "add r5, r5, r2\n"                                                                  \
                         "stm r12, {r3, r4, r5}\n"                                                           \
                         "ldrd r4, r3, [r12, #32]\n"                                                         \
                         "add r5, r4, #1\n"                                                                  \
                         "str r5, [r12, #32]\n"                                                              \
                         "vldrw.u32 q6, [r12, #40]\n"                                                        \
                         "mov r12, r4\n"                                                                     \
                         "dlstp.16 lr, r3\n"                                                                 \
                         "sxtb r3, r8\n"                                                                     \
                         "sbfx r4, r8, #8, #8\n"                                                             \
                         "sbfx r5, r8, #16, #8\n"                                                            \
                         "sxtb r6, r9\n"                                                                     \
                         "sbfx r7, r9, #8, #8\n"                                                             \
                         "sbfx r8, r9, #16, #8\n"                                                            \
                         "sxtb r9, r10\n"                                                                    \
                         "sbfx r11, r10, #16, #8\n"                                                          \
                         "sbfx r10, r10, #8, #8\n"                                                           \
                         "bne.w 4f\n"                                                                        \
                         "2:\n" /* eight pixels */                                                           \
                         TD_PLANAR_MVE_THREES(STEP) TD_PLANAR_MVE_STORE(sign)                                \
                         "letp lr, 2b\n"                                                                     \
                         "5:\n"                                                                              \
                         "ldr r12, [sp, #96]\n"                                                              \
                         "ldrd r11, r3, [r12, #24]\n"                                                        \
                         "cmp r11, r3\n"                                                                     \
                         "bne.w 1b\n"                                                                        \
                         "3:\n"                                                                              \
                         "ldr r0, [r12, #24]\n"                                                              \
                         "add sp, sp, #32\n"                                                                 \
                         "vpop {d8-d15}\n"                                                                   \
                         "add sp, sp, #4\n"                                                                  \
                         "pop {r4-r11, pc}\n"                                                                \
                         "4:\n" /* the same with less in 16 bits */                                          \
                         TD_PLANAR_MVE_TWOS(STEP) TD_PLANAR_MVE_STORE(sign)                                  \
                         "letp lr, 4b\n"                                                                     \
                         "b.w 5b\n");                                                                        \
    }

TD_PLANAR_MVE_ROW(planar_row_mve_shifted_1, TD_PLANAR_MVE_STEP_1, TD_PLANAR_MVE_SIGN)
TD_PLANAR_MVE_ROW(planar_row_mve_shifted_2, TD_PLANAR_MVE_STEP_2, TD_PLANAR_MVE_SIGN)
TD_PLANAR_MVE_ROW(planar_row_mve_positive_1, TD_PLANAR_MVE_STEP_1, "")
TD_PLANAR_MVE_ROW(planar_row_mve_positive_2, TD_PLANAR_MVE_STEP_2, "")

/* Whether all pixels lie near enough for offsets of 16 bits. */
TD_INLINE int planar_is_for_mve(const td_depthwise_planar_params *p) {
    return p->rounding != TD_ROUND_ANY && (p->output_width + PLANAR_PIXELS) * p->channels <= UINT16_MAX;
}

TD_INLINE const td_depthwise_channel *planar_channels_in_mve(const td_depthwise_planar_params *p, planar_row_mve *row) {
    if (p->rounding == TD_ROUND_POSITIVE) {
        return p->stride_width == 1 ? planar_row_mve_positive_1(row) : planar_row_mve_positive_2(row);
    }
    return p->stride_width == 1 ? planar_row_mve_shifted_1(row) : planar_row_mve_shifted_2(row);
}

/* Pixels [begin, width) of channel c by intrinsics. */
TD_INLINE void planar_rest_in_mve(const td_depthwise_planar_params *p, const planar_rows *in, uint16x8_t places, int32_t c,
                                  int32_t begin, int8_t *output) {
    const planar_filter_mve filter = planar_filter_of(&p->channel[c]);
    const int8_t *rows[3];
    for (int32_t i = 0; i < 3; i++) {
        rows[i] = in->row[i] + c * in->channel_step[i] + begin * p->stride_width;
    }
    planar_channel_mve(p, &filter, rows, places, output + c + begin * p->channels, p->output_width - begin);
}

/* One output row, of rounding TD_ROUND_SHIFTED or TD_ROUND_POSITIVE. */
TD_INLINE void planar_row_in_mve(const td_depthwise_planar_params *p, const planar_rows *in, int8_t *output) {
    const uint16x8_t places = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)p->channels);
    /* With stride 2, the byte behind an even number of windows is read as well. */
    const int is_tight = p->stride_width == 2 && p->input_start + 2 * p->output_width + 2 > p->channel_stride;
    const int32_t even = (p->output_width & ~1) - (is_tight && p->output_width % 2 == 0 ? 2 : 0);
    planar_row_mve row;
    for (int32_t i = 0; i < 3; i++) {
        row.row[i] = in->row[i];
        row.row_step[i] = in->channel_step[i];
    }
    row.channel = p->channel;
    row.channels_end = p->channel + p->channels;
    row.output = output;
    row.width = even;
    vst1q_u16(row.places, places);
    vst1q_s16(row.output_offset, vdupq_n_s16(p->output_offset));
    vst1q_u16(row.next_places, vdupq_n_u16((uint16_t)(PLANAR_PIXELS * p->channels)));
    while (even > 0 && row.channel < row.channels_end) {
        row.channel = planar_channels_in_mve(p, &row);
        if (row.channel < row.channels_end) { /* one with large weights */
            planar_rest_in_mve(p, in, places, (int32_t)(row.channel - p->channel), 0, output);
            row.channel++;
            row.output++;
            for (int32_t i = 0; i < 3; i++) {
                row.row[i] += row.row_step[i];
            }
        }
    }
    for (int32_t c = 0; even < p->output_width && c < p->channels; c++) {
        planar_rest_in_mve(p, in, places, c, even, output);
    }
}

#endif
#endif /* TD_DEPTHWISE_PLANAR_MVE_H */
