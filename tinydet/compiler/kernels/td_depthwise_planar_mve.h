/* td_depthwise_planar_mve.h: the form of td_depthwise_planar.c in Helium (Cortex-M55, M85). Not for callers.
 *
 * A vector holds four adjacent bytes of each of the three input rows, gathered by three addresses; its last word counts
 * nothing. VMLADAV with the weights in the same order is the whole sum of an output pixel: those of a window that begins
 * at the second byte are moved up by one, and for the third and fourth byte the vector is shifted on by half a word. So
 * eight pixels take two gathers and eight multiplications, whatever the weights are.
 *
 * Gathered words must lie at multiples of four: so do all rows and channels, and the first window as a rule. A processor
 * reads them one after the other; nine plain loads and the additions of what they give would take longer. */
#ifndef TD_DEPTHWISE_PLANAR_MVE_H
#define TD_DEPTHWISE_PLANAR_MVE_H

#include "td_depthwise_planar.h"

#ifdef TD_MVE

#include <arm_mve.h>

enum { PLANAR_PIXELS = 8 };

/* The assembler code knows this order. */
typedef struct {
    uint32_t rows[4]; /* addresses of the channel that comes next; the last one is that of row 2 again */
    int32_t row_steps[4];
    uint16_t places[PLANAR_PIXELS]; /* of the output, from its first pixel on, in the order of the lanes */
    const td_depthwise_channel *channel, *channels_end;
    int8_t *output;
    int32_t eights; /* whole vectors of pixels in a row */
    int32_t output_offset;
    int32_t eights_step; /* bytes of the output from eight pixels to the next */
    int32_t rest;        /* words that the pixels behind these see, their first one included, up to the last window */
    uint32_t rest_lanes; /* of these pixels, as a predicate */
} planar_row_mve;

_Static_assert(offsetof(planar_row_mve, row_steps) == 16 && offsetof(planar_row_mve, places) == 32 &&
                   offsetof(planar_row_mve, channel) == 48 && offsetof(planar_row_mve, output) == 56 &&
                   offsetof(planar_row_mve, eights) == 60 && offsetof(planar_row_mve, output_offset) == 64 &&
                   offsetof(planar_row_mve, eights_step) == 68 && offsetof(planar_row_mve, rest) == 72 &&
                   offsetof(planar_row_mve, rest_lanes) == 76,
               "the assembler code reads planar_row_mve");
_Static_assert(sizeof(td_depthwise_channel) == 20, "the assembler code reads td_depthwise_channel as five words");

/* q0 and q1 are the words in turn, q4 their addresses; q2, q3 (and q7) the weights. The sums of pixels go through r0,
 * r2, r8, r10: even pixels to q5, odd ones to q6. Lanes 0 and 2 are those of the first four pixels. */
#define TD_PLANAR_MVE_LOAD(next) "vldrw.u32 " next ", [q4, #4]!\n"
#define TD_PLANAR_MVE_LANES(first, second)                     \
    "vmov q5[" second "], q5[" first "], r0, r8\n"             \
    "vmov q6[" second "], q6[" first "], r2, r10\n"

/* Stride 1: windows at all four bytes of a word. q2 and q3 are the weights for the first and the second. */
#define TD_PLANAR_MVE_WEIGHTS_1  \
    "vshl.i32 q3, q2, #8\n"      \
    "vshr.u32 q2, q3, #8\n"
#define TD_PLANAR_MVE_TWO_1(word)           \
    "vmladav.s8 r0, " word ", q2\n"         \
    "vmladav.s8 r2, " word ", q3\n"
#define TD_PLANAR_MVE_OTHER_TWO_1(word, next)     \
    "vshr.u32 " word ", " word ", #16\n"          \
    "vsli.32 " word ", " next ", #16\n"           \
    "vmladav.s8 r8, " word ", q2\n"               \
    "vmladav.s8 r10, " word ", q3\n"
#define TD_PLANAR_MVE_PLACES_1 "q7"
#define TD_PLANAR_MVE_LOAD_PLACES_1 ""
#define TD_PLANAR_MVE_EIGHT_1                                                                          \
    TD_PLANAR_MVE_LOAD("q1") TD_PLANAR_MVE_TWO_1("q0") TD_PLANAR_MVE_OTHER_TWO_1("q0", "q1")           \
    TD_PLANAR_MVE_LANES("0", "2")                                                                      \
    TD_PLANAR_MVE_LOAD("q0") TD_PLANAR_MVE_TWO_1("q1") TD_PLANAR_MVE_OTHER_TWO_1("q1", "q0")           \
    TD_PLANAR_MVE_LANES("1", "3")
/* Two pixels, six or eight; flags of r7 compared with 1. */
#define TD_PLANAR_MVE_REST_1                                                                           \
    TD_PLANAR_MVE_TWO_1("q0")                                                                          \
    "beq 6f\n"                                                                                         \
    "cmp r7, #2\n"                                                                                     \
    TD_PLANAR_MVE_LOAD("q1") TD_PLANAR_MVE_OTHER_TWO_1("q0", "q1")                                     \
    TD_PLANAR_MVE_LANES("0", "2")                                                                      \
    TD_PLANAR_MVE_TWO_1("q1")                                                                          \
    "beq 7f\n"                                                                                         \
    TD_PLANAR_MVE_LOAD("q0") TD_PLANAR_MVE_OTHER_TWO_1("q1", "q0")                                     \
    "b 7f\n"

/* Stride 2: windows at the first and the third byte of a word, the latter of which ends in the next word. q2 are the
 * weights of the former, q3 and q7 those of the latter in both words. */
#define TD_PLANAR_MVE_WEIGHTS_2  \
    "vshl.i32 q3, q2, #8\n"      \
    "vshr.u32 q2, q3, #8\n"      \
    "vshr.u32 q7, q3, #24\n"     \
    "vshl.i32 q3, q2, #16\n"
#define TD_PLANAR_MVE_TWO_2(even, odd, word, next)      \
    "vmladav.s8 " even ", " word ", q2\n"               \
    "vmladav.s8 " odd ", " word ", q3\n"                \
    TD_PLANAR_MVE_LOAD(next)                            \
    "vmladava.s8 " odd ", " next ", q7\n"
#define TD_PLANAR_MVE_PLACES_2 "q1"
#define TD_PLANAR_MVE_LOAD_PLACES_2 "vldrw.u32 q1, [r12, #32]\n"
#define TD_PLANAR_MVE_EIGHT_2                                                                           \
    TD_PLANAR_MVE_TWO_2("r0", "r2", "q0", "q1") TD_PLANAR_MVE_TWO_2("r8", "r10", "q1", "q0")            \
    TD_PLANAR_MVE_LANES("0", "2")                                                                       \
    TD_PLANAR_MVE_TWO_2("r0", "r2", "q0", "q1") TD_PLANAR_MVE_TWO_2("r8", "r10", "q1", "q0")            \
    TD_PLANAR_MVE_LANES("1", "3")
/* One pixel, three, five or seven. */
#define TD_PLANAR_MVE_REST_2                         \
    "vmladav.s8 r0, q0, q2\n"                        \
    "beq 6f\n"                                       \
    "cmp r7, #3\n"                                   \
    TD_PLANAR_MVE_TWO_2("r0", "r2", "q0", "q1")      \
    "vmladav.s8 r8, q1, q2\n"                        \
    "blt 6f\n"                                       \
    TD_PLANAR_MVE_TWO_2("r8", "r10", "q1", "q0")     \
    TD_PLANAR_MVE_LANES("0", "2")                    \
    "vmladav.s8 r0, q0, q2\n"                        \
    "beq 7f\n"                                       \
    TD_PLANAR_MVE_TWO_2("r0", "r2", "q0", "q1")      \
    "vmladav.s8 r8, q1, q2\n"                        \
    "b 7f\n"

/* What td_divide_by_power takes from negative numbers. */
#define TD_PLANAR_MVE_SIGN       \
    "vshr.s32 q1, q5, #31\n"     \
    "vadd.i32 q5, q5, q1\n"      \
    "vshr.s32 q1, q6, #31\n"     \
    "vadd.i32 q6, q6, q1\n"

/* The sums to output values: r1 the bias, r3 the multiplier, r5 the shift, r4 the output offset. */
#define TD_PLANAR_MVE_RESCALE(sign)   \
    "vadd.i32 q5, q5, r1\n"           \
    "vadd.i32 q6, q6, r1\n"           \
    "vqrdmulh.s32 q5, q5, r3\n"       \
    "vqrdmulh.s32 q6, q6, r3\n" sign  \
    "vrshl.s32 q5, r5\n"              \
    "vrshl.s32 q6, r5\n"              \
    "vqmovnb.s32 q5, q5\n"            \
    "vqmovnt.s32 q5, q6\n"            \
    "vqadd.s16 q5, q5, r4\n"          \
    "vqmovnb.s16 q5, q5\n"

/* All channels of a row. r6 is the output, r9 the step of eight pixels there, r11 the channel, r12 the structure. */
#define TD_PLANAR_MVE_ROW(name, stride, sign)                                                                \
    __attribute__((naked, noinline, used)) static void name(__attribute__((unused)) planar_row_mve *row) {   \
        __asm__ volatile(".syntax unified\n"                                                                 \
                         "push {r4-r11, lr}\n"                                                               \
                         "vpush {d8-d15}\n"                                                                  \
                         "mov r12, r0\n"                                                                     \
                         "ldr r11, [r12, #48]\n"                                                             \
                         "ldrd r4, r9, [r12, #64]\n"                                                         \
                         "vldrw.u32 q7, [r12, #32]\n"                                                        \
                         "1:\n" /* a channel */                                                              \
                         "ldm r11!, {r1, r3, r5, r6, r7}\n" /* bias, multiplier, three rows */               \
                         "vldrw.u32 q4, [r12]\n"                                                             \
                         "asrs r5, r5, #24\n"                                                                \
                         "vldrw.u32 q2, [r11, #-12]\n"                                                       \
                         "movs r6, #0\n"                                                                     \
                         "vmov.32 q2[3], r6\n"                                                               \
                         "rsbs r5, r5, #0\n"                                                                 \
                         "vldrw.u32 q0, [r12, #16]\n"                                                        \
                         "ldrd r6, r7, [r12, #56]\n"                                                         \
                         "vadd.i32 q1, q0, q4\n"                                                             \
                         "vldrw.u32 q0, [q4]\n"                                                              \
                         "add r2, r6, #1\n"                                                                  \
                         TD_PLANAR_MVE_WEIGHTS_##stride                                                      \
                         "vstrw.32 q1, [r12]\n"                                                              \
                         "str r2, [r12, #56]\n"                                                              \
                         "wls lr, r7, 3f\n"                                                                  \
                         "2:\n" /* eight pixels */                                                           \
                         TD_PLANAR_MVE_EIGHT_##stride TD_PLANAR_MVE_RESCALE(sign)                            \
                         TD_PLANAR_MVE_LOAD_PLACES_##stride                                                  \
                         "vstrb.16 q5, [r6, " TD_PLANAR_MVE_PLACES_##stride "]\n"                            \
                         "add r6, r6, r9\n"                                                                  \
                         "le lr, 2b\n"                                                                       \
                         "3:\n"                                                                              \
                         "ldr r7, [r12, #72]\n"                                                              \
                         "cmp r7, #1\n"                                                                      \
                         "bge 5f\n"                                                                          \
                         "4:\n"                                                                              \
                         "ldr r7, [r12, #52]\n"                                                              \
                         "cmp r11, r7\n"                                                                     \
                         "bne.w 1b\n"                                                                        \
                         "vpop {d8-d15}\n"                                                                   \
                         "pop {r4-r11, pc}\n"                                                                \
                         "5:\n" /* the pixels that are left: nothing behind the last window is read */       \
                         TD_PLANAR_MVE_REST_##stride                                                         \
                         "6:\n" TD_PLANAR_MVE_LANES("0", "2")                                                \
                         "7:\n" TD_PLANAR_MVE_LANES("1", "3") TD_PLANAR_MVE_RESCALE(sign)                    \
                         "ldr r7, [r12, #76]\n"                                                              \
                         TD_PLANAR_MVE_LOAD_PLACES_##stride                                                  \
                         "vmsr p0, r7\n"                                                                     \
                         "vpst\n"                                                                            \
                         "vstrbt.16 q5, [r6, " TD_PLANAR_MVE_PLACES_##stride "]\n"                           \
                         "b.w 4b\n");                                                                        \
    }

TD_PLANAR_MVE_ROW(planar_row_mve_shifted_1, 1, TD_PLANAR_MVE_SIGN)
TD_PLANAR_MVE_ROW(planar_row_mve_shifted_2, 2, TD_PLANAR_MVE_SIGN)
TD_PLANAR_MVE_ROW(planar_row_mve_positive_1, 1, "")
TD_PLANAR_MVE_ROW(planar_row_mve_positive_2, 2, "")

/* Whether eight pixels lie near enough for offsets of 16 bits, and all windows where words may be gathered. */
TD_INLINE int planar_is_for_mve(const td_depthwise_planar_params *p, const planar_rows *in) {
    const uintptr_t places = (uintptr_t)in->row[0] | (uintptr_t)in->row[1] | (uintptr_t)in->row[2];
    return p->rounding != TD_ROUND_ANY && PLANAR_PIXELS * p->channels <= UINT16_MAX && places % 4 == 0;
}

/* One output row, of rounding TD_ROUND_SHIFTED or TD_ROUND_POSITIVE. */
TD_INLINE void planar_row_in_mve(const td_depthwise_planar_params *p, const planar_rows *in, int8_t *output) {
    static const uint8_t pixel_of_lane[PLANAR_PIXELS] = {0, 1, 4, 5, 2, 3, 6, 7};
    const int32_t rest = p->output_width % PLANAR_PIXELS;
    const uint16x8_t pixels = vldrbq_u16(pixel_of_lane);
    planar_row_mve row;
    for (int32_t i = 0; i < 4; i++) {
        row.rows[i] = (uint32_t)(uintptr_t)in->row[i < 3 ? i : 2];
        row.row_steps[i] = in->channel_step[i < 3 ? i : 2];
    }
    vst1q_u16(row.places, vmulq_n_u16(pixels, (uint16_t)p->channels));
    row.channel = p->channel;
    row.channels_end = p->channel + p->channels;
    row.output = output;
    row.eights = p->output_width / PLANAR_PIXELS;
    row.output_offset = p->output_offset;
    row.eights_step = PLANAR_PIXELS * p->channels;
    row.rest = rest == 0 ? 0 : (p->stride_width * (rest - 1) + 2) / 4 + 1;
    row.rest_lanes = vcmphiq_u16(vdupq_n_u16((uint16_t)rest), pixels);
    if (p->rounding == TD_ROUND_POSITIVE) {
        (p->stride_width == 1 ? planar_row_mve_positive_1 : planar_row_mve_positive_2)(&row);
    } else {
        (p->stride_width == 1 ? planar_row_mve_shifted_1 : planar_row_mve_shifted_2)(&row);
    }
}

#endif
#endif /* TD_DEPTHWISE_PLANAR_MVE_H */
