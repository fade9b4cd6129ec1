/* td_depthwise_mve.h: pixels of a 3x3 DEPTHWISE_CONV_2D on interleaved rows in Helium (Cortex-M55, M85), sixteen channels
 * at a time. Not for callers.
 *
 * Products have 16 bits, those of even channels apart from those of odd ones, and are widened again before they are
 * added: the sums of every fourth channel are together, and narrowing joins them in their order. */
#ifndef TD_DEPTHWISE_MVE_H
#define TD_DEPTHWISE_MVE_H

#include "td_fixed_point.h"

#ifdef TD_MVE

#include <arm_mve.h>

/* Every second channel from `factor` on, of rounding TD_ROUND_SHIFTED or TD_ROUND_POSITIVE. */
TD_INLINE int32x4_t depthwise_rounded_mve(int32x4_t sums, const td_depthwise_factor *factor, mve_pred16_t these) {
    const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), 2 * sizeof *factor);
    const int32x4_t bias = vldrwq_gather_offset_z_s32(&factor->bias, places, these);
    const uint32x4_t twice =
        vldrwq_gather_offset_z_u32((const uint32_t *)(const void *)&factor->twice_multiplier, places, these);
    const int32x4_t half_shift = vldrwq_gather_offset_z_s32(&factor->half_shift, places, these);
    int32x4_t high = vqrdmulhq_s32(vaddq_s32(sums, bias), (int32x4_t)vshrq_n_u32(twice, 1));
    high = vaddq_s32(high, vshrq_n_s32(high, 31));
    return vrshlq_s32(high, vmvnq_s32(half_shift)); /* -1 - half_shift: the right shift */
}

/* The assembler code knows this order. */
typedef struct {
    const int8_t *taps[9];
    const int8_t *weights;
    int32_t channels;
    int8_t *output;
    const td_depthwise_factor *factors;
    int32_t output_offset;
    int32_t sixteens;
} depthwise_pixel_block;

_Static_assert(offsetof(depthwise_pixel_block, weights) == 36 && offsetof(depthwise_pixel_block, sixteens) == 56,
               "the assembler code reads depthwise_pixel_block as fifteen words");
_Static_assert(sizeof(td_depthwise_factor) == 12, "the assembler code reads td_depthwise_factor as three words");

/* A tap: q0 to q3 are the sums of channels 0, 2, 1 and 3, and each fourth from there. */
#define TD_DEPTHWISE_MVE_LOAD(pixel)         \
    "vldrb.u8 q4, [" pixel "], #16\n"        \
    "vldrb.u8 q5, [r10]\n"                   \
    "add r10, r10, r11\n"                    \
    "vmullb.s8 q6, q4, q5\n"                 \
    "vmullt.s8 q4, q4, q5\n"
#define TD_DEPTHWISE_MVE_TAP(pixel)          \
    TD_DEPTHWISE_MVE_LOAD(pixel)             \
    "vmovlb.s16 q5, q6\n"                    \
    "vadd.i32 q0, q0, q5\n"                  \
    "vmovlt.s16 q6, q6\n"                    \
    "vadd.i32 q1, q1, q6\n"                  \
    "vmovlb.s16 q5, q4\n"                    \
    "vadd.i32 q2, q2, q5\n"                  \
    "vmovlt.s16 q4, q4\n"                    \
    "vadd.i32 q3, q3, q4\n"

/* Sums to values before the offset; `bias`, `twice`, `half_shift` are where these of the factors lie behind q7. */
#define TD_DEPTHWISE_MVE_RESCALE(sums, bias, twice, half_shift)      \
    "vldrw.u32 q4, [q7, #" bias "\n"                                 \
    "vldrw.u32 q5, [q7, #" twice "]\n"                               \
    "vadd.i32 " sums ", " sums ", q4\n"                              \
    "vshr.u32 q5, q5, #1\n"                                          \
    "vldrw.u32 q6, [q7, #" half_shift "]\n"                          \
    "vqrdmulh.s32 " sums ", " sums ", q5\n"                          \
    "vmvn q6, q6\n" /* -1 - half_shift: the right shift */           \
    "vshr.s32 q4, " sums ", #31\n"                                   \
    "vadd.i32 " sums ", " sums ", q4\n"                              \
    "vrshl.s32 " sums ", " sums ", q6\n"

/* Of rounding TD_ROUND_SHIFTED or TD_ROUND_POSITIVE. r1 to r9 are the taps, r10 the weights, r11 the channels, r12 the
 * output, r0 its offset, q7 the addresses of four factors each four apart. */
__attribute__((naked, noinline, used)) static void depthwise_sixteens_mve(
    __attribute__((unused)) const depthwise_pixel_block *block) {
    __asm__ volatile(".syntax unified\n"
                     "push {r4-r11, lr}\n"
                     "vpush {d8-d15}\n"
                     "sub sp, sp, #16\n"
                     "ldrd r10, r11, [r0, #36]\n"
                     "ldrd r12, r1, [r0, #44]\n"
                     "movs r2, #0\n"
                     "movs r3, #48\n"
                     "sub r1, r1, #192\n"
                     "vidup.u32 q7, r2, #1\n"
                     "vmul.i32 q7, q7, r3\n"
                     "vadd.i32 q7, q7, r1\n"
                     "vstrw.32 q7, [sp]\n"
                     "ldr r4, [r0, #56]\n"
                     "dls lr, r4\n"
                     "ldm r0, {r1, r2, r3, r4, r5, r6, r7, r8, r9}\n"
                     "ldr r0, [r0, #52]\n"
                     "1:\n" /* sixteen channels */
                     TD_DEPTHWISE_MVE_LOAD("r1")
                     "vmovlb.s16 q0, q6\n"
                     "vmovlt.s16 q1, q6\n"
                     "vmovlb.s16 q2, q4\n"
                     "vmovlt.s16 q3, q4\n"
                     TD_DEPTHWISE_MVE_TAP("r2") TD_DEPTHWISE_MVE_TAP("r3") TD_DEPTHWISE_MVE_TAP("r4")
                     TD_DEPTHWISE_MVE_TAP("r5") TD_DEPTHWISE_MVE_TAP("r6") TD_DEPTHWISE_MVE_TAP("r7")
                     TD_DEPTHWISE_MVE_TAP("r8") TD_DEPTHWISE_MVE_TAP("r9")
                     "add r10, r10, #16\n"
                     "sub r10, r10, r11, lsl #3\n"
                     "sub r10, r10, r11\n"
                     "vldrw.u32 q7, [sp]\n"
                     TD_DEPTHWISE_MVE_RESCALE("q0", "192]!", "4", "8")
                     TD_DEPTHWISE_MVE_RESCALE("q1", "24]", "28", "32")
                     "vstrw.32 q7, [sp]\n"
                     TD_DEPTHWISE_MVE_RESCALE("q2", "12]", "16", "20")
                     TD_DEPTHWISE_MVE_RESCALE("q3", "36]", "40", "44")
                     "vqmovnb.s32 q0, q0\n"
                     "vqmovnt.s32 q0, q1\n"
                     "vqmovnb.s32 q2, q2\n"
                     "vqmovnt.s32 q2, q3\n"
                     "vqadd.s16 q0, q0, r0\n"
                     "vqadd.s16 q2, q2, r0\n"
                     "vqmovnb.s16 q0, q0\n"
                     "vqmovnt.s16 q0, q2\n"
                     "vstrb.8 q0, [r12], #16\n"
                     "le lr, 1b\n"
                     "add sp, sp, #16\n"
                     "vpop {d8-d15}\n"
                     "pop {r4-r11, pc}\n");
}

/* Channels of a pixel from c on, eight at a time; `taps` are the nine input pixels. */
__attribute__((noinline)) static void depthwise_eights_mve(const td_depthwise_params *p, const int8_t *const *taps,
                                                           int32_t c, int8_t *output) {
    const int32_t channels = p->input_channels;
    for (; c < channels; c += 8) {
        const int32_t left = channels - c;
        const mve_pred16_t these = vctp16q((uint32_t)left);
        const int8_t *weights = p->weights + c;
        int32x4_t even = vdupq_n_s32(0), odd = vdupq_n_s32(0);
        for (int32_t tap = 0; tap < 9; tap++, weights += channels) {
            const int16x8_t in = vldrbq_z_s16(taps[tap] + c, these), factors = vldrbq_z_s16(weights, these);
            even = vaddq_s32(even, vmullbq_int_s16(in, factors));
            odd = vaddq_s32(odd, vmulltq_int_s16(in, factors));
        }
        even = depthwise_rounded_mve(even, p->channel + c, vctp32q((uint32_t)(left + 1) / 2));
        odd = depthwise_rounded_mve(odd, p->channel + c + 1, vctp32q((uint32_t)left / 2));
        int16x8_t values = vqmovntq_s32(vqmovnbq_s32(vdupq_n_s16(0), even), odd);
        values = vqaddq_n_s16(values, p->output_offset);
        vstrbq_p_s16(output + c, (int16x8_t)vqmovnbq_s16((int8x16_t)values, values), these);
    }
}

/* All channels of a pixel of the block, which gets its output. */
TD_INLINE void depthwise_pixel_mve(const td_depthwise_params *p, depthwise_pixel_block *block, int8_t *output) {
    block->output = output;
    if (block->sixteens > 0) {
        depthwise_sixteens_mve(block);
    }
    if (16 * block->sixteens < p->input_channels) {
        depthwise_eights_mve(p, block->taps, 16 * block->sixteens, output);
    }
}

#endif
#endif /* TD_DEPTHWISE_MVE_H */
