/* td_conv_dsp.h: td_conv_block.h in Arm DSP instructions (Cortex-M4, M7, M33). Not for callers.
 *
 * Assembler, because 14 registers are in use: eight sums, four operands, two pointers. Compilers spill. */
#ifndef TD_CONV_DSP_H
#define TD_CONV_DSP_H

#include "td_conv_block.h"

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(TD_PORTABLE)
#define TD_CONV_DSP 1

/* Two values of four pixels by those weights of two channels: 16 products in 13 instructions, 52 bytes. */
#define TD_CONV_STEP                   \
    "ldrd r10, r11, [r0], #8\n\t"      \
    "ldr.w lr, [r1], #4\n\t"           \
    "sxtb16 r12, lr\n\t"             \
    "sxtb16 lr, lr, ror #8\n\t"      \
    "smlad r2, r10, r12, r2\n\t"       \
    "smlad r3, r11, r12, r3\n\t"       \
    "smlad r6, r10, lr, r6\n\t"        \
    "smlad r7, r11, lr, r7\n\t"        \
    "ldrd r10, r11, [r0], #8\n\t"      \
    "smlad r4, r10, r12, r4\n\t"       \
    "smlad r5, r11, r12, r5\n\t"       \
    "smlad r8, r10, lr, r8\n\t"        \
    "smlad r9, r11, lr, r9\n\t"

/* The first step, in which all four sums of a channel start from its bias in the first of them. */
#define TD_CONV_FIRST_STEP             \
    "ldrd r10, r11, [r0], #8\n\t"      \
    "ldr.w lr, [r1], #4\n\t"           \
    "sxtb16 r12, lr\n\t"               \
    "sxtb16 lr, lr, ror #8\n\t"        \
    "ldrd r8, r9, [r0], #8\n\t"        \
    "smlad r3, r11, r12, r2\n\t"       \
    "smlad r7, r11, lr, r6\n\t"        \
    "smlad r4, r8, r12, r2\n\t"        \
    "smlad r8, r8, lr, r6\n\t"         \
    "smlad r5, r9, r12, r2\n\t"        \
    "smlad r9, r9, lr, r6\n\t"         \
    "smlad r2, r10, r12, r2\n\t"       \
    "smlad r6, r10, lr, r6\n\t"

/* Sums to output values; see conv_rescale_down. The clamp is that of int8. */
#define TD_CONV_RESCALE(sums, multiplier, shift, offset)  \
    ".irp sum, " sums "\n\t"                              \
    "smmlar \\sum, \\sum, " multiplier ", \\sum\n\t"      \
    "add.w \\sum, \\sum, \\sum, asr #31\n\t"             \
    "asr.w \\sum, \\sum, " shift "\n\t"                  \
    "add.w \\sum, \\sum, " offset "\n\t"                 \
    "ssat \\sum, #8, \\sum, asr #1\n\t"                  \
    ".endr\n\t"

/* All channels of the block. On the stack: pixels 0, second 16, channels 20, channels_end 24, gathered 28,
 * gathered_end 32, weights 36 (then the address at which the loop is entered), channel_stride 40,
 * rounded_offset 44. r0 walks through `gathered`, r1 through `weights`. */
__attribute__((naked, noinline, used)) static void conv_block_dsp(
    __attribute__((unused)) const td_conv_block *block) {
    __asm__ volatile(
        ".syntax unified\n\t"
        "push {r4-r11, lr}\n\t"
        "ldm r0, {r1-r12}\n\t"
        "push {r1-r12}\n\t"
        "mov r1, r10\n\t"
        /* Sixteen steps in a row, the first time entered where what is left over remains. */
        "sub r2, r9, r8\n\t"
        "subs r2, r2, #16\n\t" /* without the first step */
        "ubfx r2, r2, #4, #4\n\t"
        "rsb r2, r2, #16\n\t" /* steps to skip, 1 to 16 */
        "movs r3, #52\n\t"
        "mul r2, r2, r3\n\t"
        "adr.w r3, 2f\n\t"
        "add r2, r2, r3\n\t"
        "orr r2, r2, #1\n\t" /* Thumb */
        "str r2, [sp, #36]\n\t"
        "1:\n\t" /* two channels */
        "ldr.w r12, [sp, #20]\n\t"
        "ldr r0, [sp, #28]\n\t"
        "ldr.w r2, [r12]\n\t"
        "ldr.w r6, [r12, #12]\n\t"
        TD_CONV_FIRST_STEP
        "ldr.w r10, [sp, #36]\n\t"
        "bx r10\n\t"
        ".p2align 2\n\t"
        "2:\n\t"
        ".rept 16\n\t" TD_CONV_STEP ".endr\n\t"
        "3:\n\t"
        "ldr.w r10, [sp, #32]\n\t"
        "cmp r0, r10\n\t"
        "bne.w 2b\n\t"
        /* The second channel first: where it is dropped, the first overwrites it. */
        "ldr.w r12, [sp, #20]\n\t"
        "ldr r0, [sp, #44]\n\t"
        "ldrd r10, r11, [r12, #16]\n\t"
        TD_CONV_RESCALE("r6, r7, r8, r9", "r10", "r11", "r0")
        "ldm sp, {r0, r10, r11, r12, lr}\n\t"
        "strb.w r9, [r12, lr]\n\t"
        "strb.w r8, [r11, lr]\n\t"
        "strb.w r7, [r10, lr]\n\t"
        "strb.w r6, [r0, lr]\n\t"
        "ldr.w r9, [sp, #20]\n\t"
        "ldr.w r8, [sp, #44]\n\t"
        "ldrd r6, r7, [r9, #4]\n\t"
        TD_CONV_RESCALE("r2, r3, r4, r5", "r6", "r7", "r8")
        "ldr r6, [sp, #40]\n\t"
        "sub lr, lr, r6\n\t"
        "strb.w r5, [r12, lr]\n\t"
        "strb.w r4, [r11, lr]\n\t"
        "strb.w r3, [r10, lr]\n\t"
        "strb.w r2, [r0, lr]\n\t"
        "add lr, lr, r6\n\t"
        "add lr, lr, r6, lsl #1\n\t"
        "str.w lr, [sp, #16]\n\t"
        "adds r9, r9, #24\n\t"
        "str.w r9, [sp, #20]\n\t"
        "ldr.w r8, [sp, #24]\n\t"
        "cmp r9, r8\n\t"
        "bne.w 1b\n\t"
        "add sp, sp, #48\n\t"
        "pop {r4-r11, pc}\n\t");
}

#endif
#endif /* TD_CONV_DSP_H */
