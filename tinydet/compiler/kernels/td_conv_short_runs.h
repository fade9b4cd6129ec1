/* td_conv_short_runs.h: four pixels of short runs of values, gathered in the order of td_conv_single.h. Not for callers. */
#ifndef TD_CONV_SHORT_RUNS_H
#define TD_CONV_SHORT_RUNS_H

#include "td_conv_single.h"

#ifdef TD_CONV_SINGLE

/* Runs of 9 to 11 values, as of three pixels of three channels, of four pixels so many bytes apart. `last` loads
 * the values behind eight of a pixel into r6, `pairs` stores them. */
#define TD_CONV_GATHER_SHORT(extend, last, pairs)           \
    __asm__ volatile(".syntax unified\n"                    \
                     "push {r4-r6, lr}\n"                   \
                     ".irp pixel, 0, 1, 2, 3\n"             \
                     "ldr.n r3, [r0, #0]\n"                 \
                     "ldr.n r4, [r0, #4]\n" last            \
                     "add.n r0, r1\n"                       \
                     extend " r5, r3\n"                     \
                     extend " r3, r3, ror #8\n"             \
                     extend " r12, r4\n"                    \
                     extend " r4, r4, ror #8\n"             \
                     "str.n r5, [r2, #(4 * \\pixel)]\n"      \
                     "str.n r3, [r2, #(4 * \\pixel + 16)]\n"  \
                     "str.w r12, [r2, #(4 * \\pixel + 32)]\n" \
                     "str.n r4, [r2, #(4 * \\pixel + 48)]\n" pairs \
                     ".endr\n"                              \
                     "pop {r4-r6, pc}\n")
#define TD_CONV_GATHER_SHORT_OF __attribute__((naked, noinline, used)) static void
#define TD_CONV_SHORT_ARGUMENTS                                                         \
    __attribute__((unused)) const uint8_t *in, __attribute__((unused)) ptrdiff_t step,  \
        __attribute__((unused)) td_arena_s16 *out
#define TD_CONV_SPLIT_LAST "sxtb16 r5, r6\n sxtb16 r6, r6, ror #8\n"

TD_CONV_GATHER_SHORT_OF conv_gather_9_u8(TD_CONV_SHORT_ARGUMENTS) {
    TD_CONV_GATHER_SHORT("uxtb16", "ldrb.n r6, [r0, #8]\n", "str.n r6, [r2, #(4 * \\pixel + 64)]\n");
}

TD_CONV_GATHER_SHORT_OF conv_gather_9_s8(TD_CONV_SHORT_ARGUMENTS) {
    TD_CONV_GATHER_SHORT("sxtb16", "ldrsb.w r6, [r0, #8]\n", "str.n r6, [r2, #(4 * \\pixel + 64)]\n");
}

TD_CONV_GATHER_SHORT_OF conv_gather_10_s8(TD_CONV_SHORT_ARGUMENTS) {
    TD_CONV_GATHER_SHORT("sxtb16", "ldr.w r6, [r0, #6]\n",
                         TD_CONV_SPLIT_LAST "pkhtb r6, r6, r5, asr #16\n str.n r6, [r2, #(4 * \\pixel + 64)]\n");
}

TD_CONV_GATHER_SHORT_OF conv_gather_11_s8(TD_CONV_SHORT_ARGUMENTS) {
    TD_CONV_GATHER_SHORT("sxtb16", "ldr.w r6, [r0, #7]\n",
                         TD_CONV_SPLIT_LAST "pkhbt r5, r6, r5\n asrs.n r6, r6, #16\n"
                                            "str.n r5, [r2, #(4 * \\pixel + 64)]\n str.n r6, [r2, #(4 * \\pixel + 80)]\n");
}

/* Whether runs are of the length that conv_gather_short is for. */
TD_INLINE int conv_is_short(int32_t length, int is_unsigned) {
    return length == 9 || (!is_unsigned && (length == 10 || length == 11));
}

TD_INLINE void conv_gather_short(const uint8_t *in, ptrdiff_t step, int32_t length, int is_unsigned,
                                 td_arena_s16 *out) {
    if (is_unsigned) {
        conv_gather_9_u8(in, step, out);
    } else if (length == 9) {
        conv_gather_9_s8(in, step, out);
    } else if (length == 10) {
        conv_gather_10_s8(in, step, out);
    } else {
        conv_gather_11_s8(in, step, out);
    }
}

#endif
#endif /* TD_CONV_SHORT_RUNS_H */
