/* td_conv_dsp.h: td_conv_block.h in Arm DSP instructions (Cortex-M4, M7, M33). Not for callers.
 *
 * Assembler, because 14 registers are in use: eight sums, four operands, two pointers. Compilers spill. */
#ifndef TD_CONV_DSP_H
#define TD_CONV_DSP_H

#include "td_conv_block.h"

#ifdef TD_DSP

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

/* A step multiplies two values of four pixels by those weights of two channels: r2 to r5 are the sums of the
 * first channel, r6 to r9 of the second; r0 walks through `gathered`, r1 through `weights`. */
#define TD_CONV_LOAD_WEIGHTS    \
    "ldrd r10, r11, [r0], #8\n" \
    "ldr.w lr, [r1], #4\n"      \
    "sxtb16 r12, lr\n"
#define TD_CONV_SPLIT_WEIGHTS "sxtb16 lr, lr, ror #8\n"
#define TD_CONV_MULTIPLY        \
    "smlad r2, r10, r12, r2\n"  \
    "smlad r3, r11, r12, r3\n"  \
    "smlad r6, r10, lr, r6\n"   \
    "smlad r7, r11, lr, r7\n"   \
    "ldrd r10, r11, [r0], #8\n" \
    "smlad r4, r10, r12, r4\n"  \
    "smlad r5, r11, r12, r5\n"  \
    "smlad r8, r10, lr, r8\n"   \
    "smlad r9, r11, lr, r9\n"
/* The first step: the sums start from the biases in r2 and r6. */
#define TD_CONV_MULTIPLY_FIRST \
    "ldrd r8, r9, [r0], #8\n"  \
    "smlad r3, r11, r12, r2\n" \
    "smlad r7, r11, lr, r6\n"  \
    "smlad r4, r8, r12, r2\n"  \
    "smlad r8, r8, lr, r6\n"   \
    "smlad r5, r9, r12, r2\n"  \
    "smlad r9, r9, lr, r6\n"   \
    "smlad r2, r10, r12, r2\n" \
    "smlad r6, r10, lr, r6\n"

/* Joined weights are multiplied as they are, second * 256 + first: the sum of the second channel is what is
 * left of that after the first, a byte higher. */
#define TD_CONV_JOIN_BIASES "add.w r6, r2, r6, lsl #8\n"
#define TD_CONV_PART_SUMS(first, second)           \
    "sub.w " second ", " second ", " first "\n"    \
    "asr.w " second ", " second ", #8\n"
#define TD_CONV_PART                                            \
    TD_CONV_PART_SUMS("r2", "r6") TD_CONV_PART_SUMS("r3", "r7") \
    TD_CONV_PART_SUMS("r4", "r8") TD_CONV_PART_SUMS("r5", "r9")

/* Sums to output values; see conv_rescale_down. The clamp is that of int8. */
#define TD_CONV_RESCALE(sums, multiplier, shift, offset) \
    ".irp sum, " sums "\n"                               \
    "smmlar \\sum, \\sum, " multiplier ", \\sum\n"       \
    "add.w \\sum, \\sum, \\sum, asr #31\n"               \
    "asr.w \\sum, \\sum, " shift "\n"                    \
    "add.w \\sum, \\sum, " offset "\n"                   \
    "ssat \\sum, #8, \\sum, asr #1\n"                    \
    ".endr\n"

/* All channels of a block. Its fields go onto the stack: pixels 0, first 16, rounded_offset 20, channels 24,
 * gathered 28, gathered_end 32, weights 36, channel_stride 40, channels_end 44. 36 becomes the address at which
 * the row of steps is entered the first time, so that it ends with the last step. */
#define TD_CONV_BLOCK(step_bytes, start, split, part)                      \
    __asm__ volatile(".syntax unified\n"                                   \
                     "push {r4-r11, lr}\n"                                 \
                     "ldm r0, {r1-r12}\n"                                  \
                     "push {r1-r12}\n"                                     \
                     "mov r1, r10\n"                                       \
                     "sub r2, r9, r8\n"                                    \
                     "subs r2, r2, #16\n" /* without the first step */     \
                     "ubfx r2, r2, #4, #4\n"                               \
                     "rsb r2, r2, #16\n" /* steps to skip, 1 to 16 */      \
                     "movs r3, #" step_bytes "\n"                          \
                     "mul r2, r2, r3\n"                                    \
                     "adr.w r3, 2f\n"                                      \
                     "add r2, r2, r3\n"                                    \
                     "orr r2, r2, #1\n" /* Thumb */                        \
                     "str r2, [sp, #36]\n"                                 \
                     "1:\n" /* two channels */                             \
                     "ldrd r12, r0, [sp, #24]\n"                           \
                     "ldrd r2, r6, [r12], #24\n"                           \
                     "str.w r12, [sp, #24]\n" start                        \
                     TD_CONV_LOAD_WEIGHTS split TD_CONV_MULTIPLY_FIRST     \
                     "ldr.w r10, [sp, #36]\n"                              \
                     "bx r10\n"                                            \
                     ".p2align 2\n"                                        \
                     "2:\n"                                                \
                     ".rept 16\n" TD_CONV_LOAD_WEIGHTS split               \
                     TD_CONV_MULTIPLY ".endr\n"                            \
                     "ldr.w r10, [sp, #32]\n"                              \
                     "cmp r0, r10\n"                                       \
                     "bne.w 2b\n" part                                     \
                     "ldrd r0, r12, [sp, #20]\n"                           \
                     "ldrd r10, r11, [r12, #-16]\n"                        \
                     TD_CONV_RESCALE("r2, r3, r4, r5", "r10", "r11", "r0") \
                     "ldm sp, {r0, r10, r11, r12, lr}\n"                   \
                     "strb.w r5, [r12, lr]\n"                              \
                     "strb.w r4, [r11, lr]\n"                              \
                     "strb.w r3, [r10, lr]\n"                              \
                     "strb.w r2, [r0, lr]\n"                               \
                     "ldrd r2, r5, [sp, #20]\n"                            \
                     "ldrd r3, r4, [r5, #-8]\n"                            \
                     TD_CONV_RESCALE("r6, r7, r8, r9", "r3", "r4", "r2")   \
                     "ldr r2, [sp, #40]\n"                                 \
                     "add lr, lr, r2\n"                                    \
                     "strb.w r9, [r12, lr]\n"                              \
                     "strb.w r8, [r11, lr]\n"                              \
                     "strb.w r7, [r10, lr]\n"                              \
                     "strb.w r6, [r0, lr]\n"                               \
                     "add lr, lr, r2\n"                                    \
                     "str.w lr, [sp, #16]\n"                               \
                     "ldr r3, [sp, #44]\n"                                 \
                     "cmp r5, r3\n"                                        \
                     "bne.w 1b\n"                                          \
                     "add sp, sp, #48\n"                                   \
                     "pop {r4-r11, pc}\n")

#define TD_CONV_NAKED __attribute__((naked, noinline, used)) static void

TD_CONV_NAKED conv_block_dsp(__attribute__((unused)) const td_conv_block *block) {
    TD_CONV_BLOCK("52", "", TD_CONV_SPLIT_WEIGHTS, "");
}

TD_CONV_NAKED conv_block_joined_dsp(__attribute__((unused)) const td_conv_block *block) {
    TD_CONV_BLOCK("48", TD_CONV_JOIN_BIASES, "", TD_CONV_PART);
}

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
