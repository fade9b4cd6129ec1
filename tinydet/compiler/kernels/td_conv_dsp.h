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
 * first channel, r6 to r9 of the second; r0 walks through `gathered`, r1 through `weights`. Joined weights are
 * multiplied as they are, second * 256 + first: the sum of the second channel is what is left of that after the
 * first, a byte higher. TD_CONV_SPLIT_WEIGHTS makes the second ones of weights that are not joined. */
#define TD_CONV_FIRST_WEIGHTS "sxtb16 r12, lr\n"
#define TD_CONV_SPLIT_WEIGHTS "sxtb16 lr, lr, ror #8\n"
#define TD_CONV_JOIN_BIASES "add.w r6, r2, r6, lsl #8\n"

#ifdef TD_CORTEX_M7
/* Two instructions a cycle: a load goes with the product in front of it, where LDRD goes alone. What the next step
 * multiplies first is loaded in this one, so that the last step is apart: it loads the factors instead. Cycles for 16
 * products in LLVM's model of the core (llvm-mca): 9.0 with joined weights (14 instructions) and 10.0 with others
 * (15); in the other order, below, 12.0 with both (12 and 13). Rescaling two channels: 50 cycles, 87 before. */
#define TD_CONV_LAST_STEP_BYTES "16"
#define TD_CONV_STEP_BYTES "56"
#define TD_CONV_STEP_BYTES_SPLIT "60"
#define TD_CONV_BEGIN        \
    "ldr.w r12, [sp, #24]\n" \
    "ldr.w r0, [sp, #28]\n"  \
    "ldr.w lr, [r1], #4\n"   \
    "ldr r2, [r12], #24\n" \
    "ldr.w r10, [r0]\n"      \
    "ldr r6, [r12, #-20]\n" \
    "ldr.w r11, [r0, #4]\n"  \
    "ldr.w r8, [r0, #8]\n"   \
    "str.w r12, [sp, #24]\n" \
    "ldr.w r9, [r0, #12]\n"
/* The sums start from the biases in r2 and r6. */
#define TD_CONV_FIRST_STEP(split)                      \
    TD_CONV_FIRST_WEIGHTS split                        \
    "smlad r4, r8, r12, r2\n"                          \
    "smlad r8, r8, lr, r6\n"                           \
    "smlad r5, r9, r12, r2\n"                          \
    "smlad r9, r9, lr, r6\n"                           \
    "smlad r7, r11, lr, r6\n"                          \
    "smlad r6, r10, lr, r6\n" "ldr.w lr, [r1], #4\n"   \
    "smlad r3, r11, r12, r2\n" "ldr.w r11, [sp, #36]\n" \
    "smlad r2, r10, r12, r2\n" "ldr r10, [r0, #16]!\n" \
    TD_CONV_FIRST_WEIGHTS split
#define TD_CONV_STEP(split)                              \
    "smlad r6, r10, lr, r6\n" "ldr.w r11, [r0, #4]\n"    \
    "smlad r2, r10, r12, r2\n" "ldr.w r10, [r0, #8]\n"   \
    "smlad r7, r11, lr, r7\n"                            \
    "smlad r3, r11, r12, r3\n" "ldr.w r11, [r0, #12]\n"  \
    "smlad r8, r10, lr, r8\n"                            \
    "smlad r9, r11, lr, r9\n" "ldr.w lr, [r1], #4\n"     \
    "smlad r4, r10, r12, r4\n" "ldr r10, [r0, #16]!\n" \
    "smlad r5, r11, r12, r5\n"                           \
    TD_CONV_FIRST_WEIGHTS split
#define TD_CONV_END                                     \
    "smlad r6, r10, lr, r6\n" "ldr.w r11, [r0, #4]\n"   \
    "smlad r2, r10, r12, r2\n" "ldr.w r10, [r0, #8]\n"  \
    "smlad r7, r11, lr, r7\n"                           \
    "smlad r3, r11, r12, r3\n" "ldr.w r11, [r0, #12]\n" \
    "smlad r8, r10, lr, r8\n" "ldr.w r0, [sp, #24]\n"   \
    "smlad r4, r10, r12, r4\n"                          \
    "smlad r9, r11, lr, r9\n" "ldr r10, [r0, #-16]\n" \
    "smlad r5, r11, r12, r5\n" "ldr r11, [r0, #-12]\n" \
    "ldr r12, [r0, #-8]\n"                            \
    "ldr lr, [r0, #-4]\n"                             \
    "ldr.w r0, [sp, #20]\n"
#else
#define TD_CONV_LAST_STEP_BYTES "0"
#define TD_CONV_STEP_BYTES "48"
#define TD_CONV_STEP_BYTES_SPLIT "52"
#define TD_CONV_BEGIN             \
    "ldrd r12, r0, [sp, #24]\n"   \
    "ldrd r2, r6, [r12], #24\n"   \
    "str.w r12, [sp, #24]\n"
#define TD_CONV_LOAD            \
    "ldrd r10, r11, [r0], #8\n" \
    "ldr.w lr, [r1], #4\n" TD_CONV_FIRST_WEIGHTS
/* The sums start from the biases in r2 and r6. */
#define TD_CONV_FIRST_STEP(split) \
    TD_CONV_LOAD split            \
    "ldrd r8, r9, [r0], #8\n"     \
    "smlad r3, r11, r12, r2\n"    \
    "smlad r7, r11, lr, r6\n"     \
    "smlad r4, r8, r12, r2\n"     \
    "smlad r8, r8, lr, r6\n"      \
    "smlad r5, r9, r12, r2\n"     \
    "smlad r9, r9, lr, r6\n"      \
    "smlad r2, r10, r12, r2\n"    \
    "smlad r6, r10, lr, r6\n"     \
    "ldr.w r11, [sp, #36]\n"
#define TD_CONV_STEP(split)     \
    TD_CONV_LOAD split          \
    "smlad r2, r10, r12, r2\n"  \
    "smlad r3, r11, r12, r3\n"  \
    "smlad r6, r10, lr, r6\n"   \
    "smlad r7, r11, lr, r7\n"   \
    "ldrd r10, r11, [r0], #8\n" \
    "smlad r4, r10, r12, r4\n"  \
    "smlad r5, r11, r12, r5\n"  \
    "smlad r8, r10, lr, r8\n"   \
    "smlad r9, r11, lr, r9\n"
#define TD_CONV_END                \
    "ldr.w r0, [sp, #24]\n"        \
    "ldrd r10, r11, [r0, #-16]\n"  \
    "ldrd r12, lr, [r0, #-8]\n"    \
    "ldr.w r0, [sp, #20]\n"
#endif

/* The second sums of joined weights: less the first ones, and a byte lower. */
#define TD_CONV_PART      \
    "sub.w r6, r6, r2\n"  \
    "sub.w r7, r7, r3\n"  \
    "sub.w r8, r8, r4\n"  \
    "sub.w r9, r9, r5\n"  \
    "asr.w r6, r6, #8\n"  \
    "asr.w r7, r7, #8\n"  \
    "asr.w r8, r8, #8\n"  \
    "asr.w r9, r9, #8\n"

/* Sums to output values, by r10 and r11 in the first channel, r12 and lr in the second; see conv_rescale_down. The
 * clamp is that of int8. What depends on each other lies some instructions apart. */
#define TD_CONV_SCALE(sum, multiplier) "smmlar " sum ", " sum ", " multiplier ", " sum "\n"
#define TD_CONV_SIGN(sum) "add.w " sum ", " sum ", " sum ", asr #31\n"
#define TD_CONV_SHIFT(sum, shift) "asr.w " sum ", " sum ", " shift "\n"
#define TD_CONV_OFFSET(sum) "add.w " sum ", " sum ", r0\n"
#define TD_CONV_CLAMP(sum) "ssat " sum ", #8, " sum ", asr #1\n"
#define TD_CONV_RESCALE                                                                                          \
    TD_CONV_SCALE("r2", "r10")                                                                                   \
    TD_CONV_SCALE("r3", "r10")                                                                                   \
    TD_CONV_SCALE("r4", "r10") TD_CONV_SIGN("r2")                                                                \
    TD_CONV_SCALE("r5", "r10") TD_CONV_SIGN("r3") TD_CONV_SHIFT("r2", "r11")                                     \
    TD_CONV_SCALE("r6", "r12") TD_CONV_SIGN("r4") TD_CONV_SHIFT("r3", "r11") TD_CONV_OFFSET("r2")                \
    TD_CONV_SCALE("r7", "r12") TD_CONV_SIGN("r5") TD_CONV_CLAMP("r2") TD_CONV_OFFSET("r3") TD_CONV_SHIFT("r4", "r11") \
    TD_CONV_SCALE("r8", "r12") TD_CONV_SIGN("r6") TD_CONV_CLAMP("r3") TD_CONV_OFFSET("r4") TD_CONV_SHIFT("r5", "r11") \
    TD_CONV_SCALE("r9", "r12") TD_CONV_SIGN("r7") TD_CONV_CLAMP("r4") TD_CONV_OFFSET("r5") TD_CONV_SHIFT("r6", "lr") \
    TD_CONV_SIGN("r8") TD_CONV_CLAMP("r5") TD_CONV_OFFSET("r6") TD_CONV_SHIFT("r7", "lr")                        \
    TD_CONV_SIGN("r9") TD_CONV_CLAMP("r6") TD_CONV_OFFSET("r7") TD_CONV_SHIFT("r8", "lr")                        \
    TD_CONV_CLAMP("r7") TD_CONV_OFFSET("r8") TD_CONV_SHIFT("r9", "lr")                                           \
    TD_CONV_CLAMP("r8") TD_CONV_OFFSET("r9")                                                                     \
    TD_CONV_CLAMP("r9")

/* All channels of a block. Its fields go onto the stack: pixels 0, first 16, rounded_offset 20, channels 24,
 * gathered 28, gathered_end 32, weights 36, channel_stride 40, channels_end 44. 36 becomes the address at which
 * the row of steps is entered the first time, so that it ends with the last step but what TD_CONV_END does. */
#define TD_CONV_BLOCK(step_bytes, start, split, part)                       \
    __asm__ volatile(".syntax unified\n"                                    \
                     "push {r4-r11, lr}\n"                                  \
                     "ldm r0, {r1-r12}\n"                                   \
                     "sub r9, r9, #" TD_CONV_LAST_STEP_BYTES "\n"           \
                     "push {r1-r12}\n"                                      \
                     "mov r1, r10\n"                                        \
                     "sub r2, r9, r8\n"                                     \
                     "subs r2, r2, #16\n" /* without the first step */      \
                     "ubfx r2, r2, #4, #4\n"                                \
                     "rsb r2, r2, #16\n" /* steps to skip, 1 to 16 */       \
                     "movs r3, #" step_bytes "\n"                           \
                     "mul r2, r2, r3\n"                                     \
                     "adr.w r3, 2f\n"                                       \
                     "add r2, r2, r3\n"                                     \
                     "orr r2, r2, #1\n" /* Thumb */                         \
                     "str r2, [sp, #36]\n"                                  \
                     "1:\n" /* two channels */                              \
                     TD_CONV_BEGIN start TD_CONV_FIRST_STEP(split)          \
                     "bx r11\n"                                             \
                     ".p2align 2\n"                                         \
                     "2:\n"                                                 \
                     ".rept 16\n" TD_CONV_STEP(split) ".endr\n"             \
                     "ldr.w r11, [sp, #32]\n"                               \
                     "cmp r0, r11\n"                                        \
                     "bne.w 2b\n"                                           \
                     TD_CONV_END part TD_CONV_RESCALE                       \
                     "ldm sp, {r0, r10, r11, r12, lr}\n"                    \
                     "strb.w r5, [r12, lr]\n"                               \
                     "ldr r5, [sp, #40]\n"                                  \
                     "strb.w r4, [r11, lr]\n"                               \
                     "ldr r4, [sp, #24]\n"                                  \
                     "strb.w r3, [r10, lr]\n"                               \
                     "ldr r3, [sp, #44]\n"                                  \
                     "strb.w r2, [r0, lr]\n"                                \
                     "add lr, lr, r5\n"                                     \
                     "strb.w r9, [r12, lr]\n"                               \
                     "add r5, r5, lr\n"                                     \
                     "strb.w r8, [r11, lr]\n"                               \
                     "cmp r4, r3\n"                                         \
                     "strb.w r7, [r10, lr]\n"                               \
                     "strb.w r6, [r0, lr]\n"                                \
                     "str.w r5, [sp, #16]\n"                                \
                     "bne.w 1b\n"                                           \
                     "add sp, sp, #48\n"                                    \
                     "pop {r4-r11, pc}\n")

#define TD_CONV_NAKED __attribute__((naked, noinline, used)) static void

TD_CONV_NAKED conv_block_dsp(__attribute__((unused)) const td_conv_block *block) {
    TD_CONV_BLOCK(TD_CONV_STEP_BYTES_SPLIT, "", TD_CONV_SPLIT_WEIGHTS, "");
}

TD_CONV_NAKED conv_block_joined_dsp(__attribute__((unused)) const td_conv_block *block) {
    TD_CONV_BLOCK(TD_CONV_STEP_BYTES, TD_CONV_JOIN_BIASES, "", TD_CONV_PART);
}

/* Whether the two above can do a block: the steps of the Cortex-M7 begin and end apart. */
TD_INLINE int conv_is_for_dsp(const td_conv_block *block) {
#ifdef TD_CORTEX_M7
    return block->gathered_end - block->gathered > 2 * TD_CONV_PIXELS;
#else
    (void)block;
    return 1;
#endif
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
