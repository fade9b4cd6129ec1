/* td_depthwise_dsp.h: td_depthwise.c in Arm DSP instructions (Cortex-M4, M7, M33), for 3x3 filters. Not for callers. */
#ifndef TD_DEPTHWISE_DSP_H
#define TD_DEPTHWISE_DSP_H

#include "td_dsp.h"

#if defined(TD_DSP) && !defined(TD_MVE)

/* The assembler code knows this order. */
typedef struct {
    const td_depthwise_factor *factors;
    int32_t weights_back;   /* bytes from behind the last tap of four channels back to the first of the next four */
    int32_t rounded_offset; /* 2 * output offset + 1 */
    int8_t *output;
    int32_t channels_end; /* a multiple of 4, > 0 */
    const int8_t *weights;
    int32_t channels;
} depthwise_dsp_pixel;

_Static_assert(sizeof(depthwise_dsp_pixel) == 28 && sizeof(td_depthwise_factor) == 12,
               "the assembler code reads depthwise_dsp_pixel as seven words and td_depthwise_factor as three");

/* Registers: r0 the taps, r1 the channel, r2 the weights, r3 the channels, r4 to r7 the sums of four channels. A tap
 * takes `in` and `w`, values and weights, first as words, then channels 0 and 2; r10 and r11 hold 1 and 3 of both.
 * Channels 0 and 2 are multiplied while 1 and 3 of the next tap are split off, and the words of the one behind that
 * are loaded: on a Cortex-M7 each product then goes with the instruction in front of it. */
#define TD_DEPTHWISE_TAP(in, w, even_0, even_2, loads, more_loads) \
    "sxtb16 r10, " in ", ror #8\n\t" even_0                        \
    "sxtb16 r11, " w ", ror #8\n\t" even_2 loads                   \
    "sxtb16 " in ", " in "\n\t"                                    \
    "smlabb r5, r10, r11, r5\n\t" more_loads                       \
    "sxtb16 " w ", " w "\n\t"                                      \
    "smlatt r7, r10, r11, r7\n\t"

#define TD_DEPTHWISE_NEXT(place, in, w)          \
    "ldr.w " in ", [r0, #" place "]\n\t"         \
    "ldr.w " w ", [r2]\n\t",                     \
    "ldr.w " in ", [" in ", r1]\n\t"             \
    "add.w r2, r2, r3\n\t"

#define TD_DEPTHWISE_ONE(in, w, last_in, last_w, ...)                                       \
    TD_DEPTHWISE_WITH(in, w, "smlabb r4, " last_in ", " last_w ", r4\n\t",                  \
                      "smlatt r6, " last_in ", " last_w ", r6\n\t", __VA_ARGS__)
#define TD_DEPTHWISE_WITH(...) TD_DEPTHWISE_TAP(__VA_ARGS__)
#define TD_DEPTHWISE_A(place) TD_DEPTHWISE_ONE("r8", "r9", "r12", "lr", TD_DEPTHWISE_NEXT(place, "r12", "lr"))
#define TD_DEPTHWISE_B(place) TD_DEPTHWISE_ONE("r12", "lr", "r8", "r9", TD_DEPTHWISE_NEXT(place, "r8", "r9"))

#define TD_DEPTHWISE_SIGN(sum) "add.w " sum ", " sum ", " sum ", asr #31\n\t"
#define TD_DEPTHWISE_CLAMP(sum)                  \
    "add.w " sum ", " sum ", r9\n\t"             \
    "ssat " sum ", #8, " sum ", asr #1\n\t"

/* All channels of a pixel; the rounding is that of conv_rescale_down in td_conv_block.h. */
__attribute__((naked, noinline, used)) static void depthwise_pixel_dsp(
    __attribute__((unused)) const int8_t *const taps[9], __attribute__((unused)) const depthwise_dsp_pixel *pixel) {
    __asm__ volatile(
        ".syntax unified\n\t"
        "push {r4-r11, lr}\n\t"
        "ldr r2, [r1, #20]\n\t"
        "ldr r3, [r1, #24]\n\t"
        "ldm r1, {r4-r8}\n\t"
        "push {r4-r8}\n\t"
        "movs r1, #0\n\t"
        ".p2align 2\n\t"
        "1:\n\t" /* four channels */
        "ldr.w r12, [sp]\n\t"
        "ldr.w r8, [r0]\n\t"
        "ldr.w r9, [r2]\n\t"
        "ldr.w r8, [r8, r1]\n\t"
        "ldr.w r4, [r12]\n\t"
        "ldr.w r5, [r12, #12]\n\t"
        "ldr.w r6, [r12, #24]\n\t"
        "ldr.w r7, [r12, #36]\n\t"
        "add.w r2, r2, r3\n\t"
        TD_DEPTHWISE_WITH("r8", "r9", "", "", TD_DEPTHWISE_NEXT("4", "r12", "lr"))
        TD_DEPTHWISE_B("8") TD_DEPTHWISE_A("12") TD_DEPTHWISE_B("16") TD_DEPTHWISE_A("20") TD_DEPTHWISE_B("24")
        TD_DEPTHWISE_A("28") TD_DEPTHWISE_B("32")
        TD_DEPTHWISE_ONE("r8", "r9", "r12", "lr", "ldr.w r12, [sp]\n\t", "ldr.w lr, [r12, #16]\n\t")
        "ldr.w r11, [r12, #20]\n\t"
        "smlabb r4, r8, r9, r4\n\t"
        "ldr.w r10, [r12, #4]\n\t"
        "smlatt r6, r8, r9, r6\n\t"
        "ldr.w r8, [r12, #40]\n\t"
        "smmlar r5, r5, lr, r5\n\t"
        "ldr.w r9, [r12, #44]\n\t"
        "smmlar r4, r4, r10, r4\n\t"
        "ldr.w lr, [r12, #8]\n\t"
        "smmlar r7, r7, r8, r7\n\t"
        "ldr.w r8, [r12, #28]\n\t"
        TD_DEPTHWISE_SIGN("r5")
        "ldr.w r10, [r12, #32]\n\t"
        TD_DEPTHWISE_SIGN("r4")
        "smmlar r6, r6, r8, r6\n\t"
        "asr.w r5, r5, r11\n\t"
        TD_DEPTHWISE_SIGN("r7")
        "asr.w r4, r4, lr\n\t"
        "ldr.w lr, [sp, #12]\n\t"
        "asr.w r7, r7, r9\n\t"
        "ldr.w r9, [sp, #8]\n\t"
        TD_DEPTHWISE_SIGN("r6")
        "add.w r12, r12, #48\n\t"
        "asr.w r6, r6, r10\n\t"
        TD_DEPTHWISE_CLAMP("r4") TD_DEPTHWISE_CLAMP("r5") TD_DEPTHWISE_CLAMP("r6") TD_DEPTHWISE_CLAMP("r7")
        "ldr.w r10, [sp, #4]\n\t"
        "ldr.w r11, [sp, #16]\n\t"
        "adds.w r1, r1, #4\n\t"
        "strb.w r4, [lr]\n\t"
        "add.w r2, r2, r10\n\t"
        "strb.w r5, [lr, #1]\n\t"
        "cmp.w r1, r11\n\t"
        "strb.w r6, [lr, #2]\n\t"
        "strb.w r7, [lr, #3]\n\t"
        "add.w lr, lr, #4\n\t"
        "str.w r12, [sp]\n\t"
        "str.w lr, [sp, #12]\n\t"
        "bne.w 1b\n\t"
        "add sp, sp, #20\n\t"
        "pop {r4-r11, pc}\n\t");
}

/* A pixel, four channels at a time; gives how many channels were done. */
TD_INLINE int32_t depthwise_fours_dsp(const td_depthwise_params *p, const int8_t *const taps[9], int8_t *output) {
    const int32_t channels = p->input_channels;
    const depthwise_dsp_pixel pixel = {p->channel, 4 - 9 * channels, 2 * p->output_offset + 1, output,
                                       channels & ~3, p->weights, channels};
    if (pixel.channels_end > 0) {
        depthwise_pixel_dsp(taps, &pixel);
    }
    return pixel.channels_end;
}

#endif
#endif /* TD_DEPTHWISE_DSP_H */
