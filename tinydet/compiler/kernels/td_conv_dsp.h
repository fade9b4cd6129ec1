/* td_conv_dsp.h: td_conv_block.h in Arm DSP instructions (Cortex-M7; see td_conv_single.h for the others), and what
 * gathers for all of them. Not for callers.
 *
 * Assembler, because 14 registers are in use: eight sums, four operands, two pointers. Compilers spill. */
#ifndef TD_CONV_DSP_H
#define TD_CONV_DSP_H

#include "td_conv_short_runs.h"

#if defined(TD_DSP)
#define TD_CONV_NAKED __attribute__((naked, noinline, used)) static void

#ifdef TD_CORTEX_M7
#define TD_CONV_DUAL 1

/* What the assembler code below knows of the structures. */
_Static_assert(offsetof(td_conv_block, first) == 16 && offsetof(td_conv_block, rounded_offset) == 20 &&
                   offsetof(td_conv_block, channels) == 24 && offsetof(td_conv_block, gathered) == 28 &&
                   offsetof(td_conv_block, gathered_end) == 32 && offsetof(td_conv_block, weights) == 36 &&
                   offsetof(td_conv_block, channel_stride) == 40 &&
                   offsetof(td_conv_block, channels_end) == 44 && sizeof(td_conv_block) == 48,
               "conv_block_dsp reads td_conv_block as twelve words");
_Static_assert(offsetof(td_conv_channels, first_multiplier) == 8 &&
                   offsetof(td_conv_channels, second_multiplier) == 16 && sizeof(td_conv_channels) == 24,
               "conv_block_dsp reads td_conv_channels as six words");

/* A step multiplies two values of four pixels by those weights of two channels. Joined weights are multiplied as they
 * are, second * 256 + first: the sum of the second channel is what is left of that after the first, a byte higher.
 * Weights that are not joined are split into both.
 *
 * Registers: S0 to S3 are the sums of the first channel, T0 to T3 of the second; r0 walks through `gathered`, r1
 * through `weights`. X and Y are values of two pixels, W the weights, V those of the first channel alone. Behind the
 * steps these four hold multiplier and shift of both channels. */
#define TD_CONV_FIRST_WEIGHTS "sxtb16 " TD_V ", " TD_W "\n"
#define TD_CONV_SPLIT_WEIGHTS "sxtb16 " TD_W ", " TD_W ", ror #8\n"
#define TD_CONV_PRODUCT(sum, values, weights) "smlad " sum ", " values ", " weights ", " sum "\n"

#include "td_conv_steps_apart.h"

/* The second sums of joined weights: less the first ones, and a byte lower. */
#define TD_CONV_DIFFERENCE(second, first) "sub.w " second ", " second ", " first "\n"
#define TD_CONV_LOWER(sum) "asr.w " sum ", " sum ", #8\n"
#define TD_CONV_NOT_LOWER(sum) ""

/* Sums to output values; see conv_rescale_down. The clamp is that of int8. */
#define TD_CONV_SCALE(sum, multiplier) "smmlar " sum ", " sum ", " multiplier ", " sum "\n"
#define TD_CONV_SIGN(sum) "add.w " sum ", " sum ", " sum ", asr #31\n"
#define TD_CONV_SHIFT(sum, shift) "asr.w " sum ", " sum ", " shift "\n"
#define TD_CONV_OFFSET(sum) "add.w " sum ", " sum ", r0\n"
#define TD_CONV_CLAMP(sum) "ssat " sum ", #8, " sum ", asr #1\n"

/* The shorter way where output_offset is -128, so that the sign of what is rounded means nothing. Rounding and offset,
 * -255 << shift, are added before the shift. The second sums of joined weights stay a byte higher: what SMMLA cuts off
 * without rounding is 7 bits lower than the product that is to be rounded, so 64 is added to these, and the shift is
 * longer by 7. r0 holds -256, which is even; -255 is the rounded_offset. */
#define TD_CONV_SCALE_JOINED(sum, multiplier) "smmla " sum ", " sum ", " multiplier ", r0\n"
#define TD_CONV_FINISH_SPLIT TD_CONV_FINISH(TD_CONV_NOT_LOWER) "bne.w 1b\n"
#define TD_CONV_FINISH_JOINED                                                       \
    TD_CONV_DIFFERENCE(TD_T0, TD_S0) TD_CONV_DIFFERENCE(TD_T1, TD_S1)               \
    TD_CONV_DIFFERENCE(TD_T2, TD_S2) TD_CONV_DIFFERENCE(TD_T3, TD_S3)               \
    "tst.w r0, #1\n"                                                                \
    "bne.w 3f\n"                                                                    \
    TD_CONV_FINISH_POSITIVE                                                         \
    "bne.w 1b\n"                                                                    \
    "b.w 4f\n"                                                                      \
    "3:\n"                                                                          \
    TD_CONV_FINISH(TD_CONV_LOWER)                                                   \
    "bne.w 1b\n"                                                                    \
    "4:\n"

/* All channels of a block. Its fields go onto the stack: pixels 0, first 16, rounded_offset 20, channels 24,
 * gathered 28, gathered_end 32, weights 36, channel_stride 40, channels_end 44; two words more. 36 becomes the address
 * at which the row of steps is entered the first time, so that it ends with the last step but what TD_CONV_END does.
 * 32 becomes what r0 is then, TD_CONV_BEHIND_BYTES less. */
#define TD_CONV_BLOCK(step_bytes, start, split, products, finish)   \
    __asm__ volatile(".syntax unified\n"                            \
                     "push {r4-r11, lr}\n"                          \
                     "ldm r0, {r1-r12}\n"                           \
                     "sub r9, r9, #" TD_CONV_BEHIND_BYTES "\n"   \
                     "sub sp, sp, #8\n"                             \
                     "push {r1-r12}\n"                              \
                     "mov r1, r10\n"                                \
                     "sub r2, r9, r8\n"                             \
                     "subs r2, r2, #16\n" /* without the first step */ \
                     "lsrs r2, r2, #4\n"                            \
                     "and r2, r2, #(" TD_CONV_STEPS " - 1)\n"       \
                     "rsb r2, r2, #" TD_CONV_STEPS "\n" /* steps to skip, at least 1 */ \
                     "movs r3, #" step_bytes "\n"                   \
                     "mul r2, r2, r3\n"                             \
                     "adr.w r3, 2f\n"                               \
                     "add r2, r2, r3\n"                             \
                     "orr r2, r2, #1\n" /* Thumb */                 \
                     "str r2, [sp, #36]\n"                          \
                     "1:\n" /* two channels */                      \
                     TD_CONV_BEGIN(start, split)                    \
                     ".p2align 2\n"                                 \
                     "2:\n"                                         \
                     TD_CONV_ROW_OF_STEPS(products)                 \
                     "bne.w 2b\n"                                   \
                     TD_CONV_END(products)                          \
                     finish                                         \
                     "add sp, sp, #56\n"                            \
                     "pop {r4-r11, pc}\n")

TD_CONV_NAKED conv_block_dsp(__attribute__((unused)) const td_conv_block *block) {
    TD_CONV_BLOCK(TD_CONV_STEP_BYTES_SPLIT, "", TD_CONV_SPLIT_WEIGHTS, TD_CONV_PRODUCTS_SPLIT,
                  TD_CONV_FINISH_SPLIT);
}

TD_CONV_NAKED conv_block_joined_dsp(__attribute__((unused)) const td_conv_block *block) {
    TD_CONV_BLOCK(TD_CONV_STEP_BYTES, TD_CONV_JOIN_BIASES, "", TD_CONV_PRODUCTS_JOINED, TD_CONV_FINISH_JOINED);
}

/* Whether the two above can do a block: of at least two steps. */
TD_INLINE int conv_is_for_dsp(const td_conv_block *block) {
    return block->gathered_end - block->gathered > 2 * TD_CONV_PIXELS;
}

#endif

#define TD_CONV_GATHER(extend)                      \
    __asm__ volatile(".syntax unified\n"            \
                     "push {r4-r11, lr}\n"          \
                     "ldm r0, {r3-r6}\n"            \
                     "1:\n"                         \
                     "ldr r7, [r3], #4\n"           \
                     "ldr r8, [r4], #4\n"           \
                     "ldr r9, [r5], #4\n"           \
                     "ldr r10, [r6], #4\n"          \
                     extend " r0, r7\n"             \
                     extend " r11, r8\n"            \
                     extend " r12, r9\n"            \
                     extend " lr, r10\n"            \
                     "stm r2!, {r0, r11, r12, lr}\n" \
                     extend " r7, r7, ror #8\n"     \
                     extend " r8, r8, ror #8\n"     \
                     extend " r9, r9, ror #8\n"     \
                     extend " r10, r10, ror #8\n"   \
                     "stm r2!, {r7-r10}\n"          \
                     "subs r1, r1, #1\n"            \
                     "bne 1b\n"                     \
                     "pop {r4-r11, pc}\n")

/* `fours` times four values of each of four pixels. */
TD_CONV_NAKED conv_gather_s8_dsp(__attribute__((unused)) const uint8_t *const in[TD_CONV_PIXELS],
                                 __attribute__((unused)) int32_t fours, __attribute__((unused)) td_arena_s16 *out) {
    TD_CONV_GATHER("sxtb16");
}

TD_CONV_NAKED conv_gather_u8_dsp(__attribute__((unused)) const uint8_t *const in[TD_CONV_PIXELS],
                                 __attribute__((unused)) int32_t fours, __attribute__((unused)) td_arena_s16 *out) {
    TD_CONV_GATHER("uxtb16");
}

#endif
#endif /* TD_CONV_DSP_H */
