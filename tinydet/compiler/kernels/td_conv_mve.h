/* td_conv_mve.h: the inner loops of td_conv_vector.c in Helium, the vector extension of Cortex-M55 and M85 (MVE). Not
 * for callers.
 *
 * VMLADAV sums sixteen products into a general register with an even number; there are eight of these. So a step
 * multiplies sixteen values of four pixels by those weights of two channels: six loads for eight multiplications, 14
 * instructions for 128 products, and no loop around it. Assembler, because compilers spill. */
#ifndef TD_CONV_MVE_H
#define TD_CONV_MVE_H

#include "td_dsp.h"

#ifdef TD_MVE

#include <arm_mve.h>

/* The assembler code knows this order. */
typedef struct {
    const int8_t *gathered, *gathered_end; /* of the four pixels */
    const int8_t *weights;
    const td_conv_vector_channels *channels, *channels_end;
    int8_t *output;      /* the first channel of the pixel that lies first in memory */
    int32_t pair_stride; /* bytes from a pair of channels to the next */
    const uint16_t *offsets; /* [8] from there to both channels of each pixel */
    int32_t output_offset;
    int32_t steps;
    uint32_t entry; /* set here: where the row of steps is entered */
} conv_vector_block;

_Static_assert(offsetof(conv_vector_block, entry) == 40, "the assembler code reads conv_vector_block as eleven words");
_Static_assert(sizeof(td_conv_vector_channels) == 24, "the assembler code reads td_conv_vector_channels as six words");

/* Sums r0, r4, r8, r12 are those of the first channel, r2, r6, r10, lr of the second. r1 walks through `gathered`, r3
 * through the weights. */
#define TD_CONV_MVE_STEP(multiply)       \
    "vldrb.u8 q0, [r3], #16\n"           \
    "vldrb.u8 q2, [r1], #16\n"           \
    multiply " r0, q0, q2\n"             \
    "vldrb.u8 q1, [r3], #16\n"           \
    multiply " r2, q1, q2\n"             \
    "vldrb.u8 q3, [r1], #16\n"           \
    multiply " r4, q0, q3\n"             \
    multiply " r6, q1, q3\n"             \
    "vldrb.u8 q2, [r1], #16\n"           \
    multiply " r8, q0, q2\n"             \
    multiply " r10, q1, q2\n"            \
    "vldrb.u8 q3, [r1], #16\n"           \
    multiply " r12, q0, q3\n"            \
    multiply " lr, q1, q3\n"
#define TD_CONV_MVE_STEP_BYTES "56"
enum { TD_CONV_MVE_SHORT = 9 }; /* steps: the first one and the row of eight */

/* What td_divide_by_power takes from negative numbers. */
#define TD_CONV_MVE_SIGN         \
    "vshr.s32 q2, q0, #31\n"     \
    "vshr.s32 q3, q1, #31\n"     \
    "vadd.i32 q0, q0, q2\n"      \
    "vadd.i32 q1, q1, q3\n"

/* Windows of more than nine steps go through the row again. */
#define TD_CONV_MVE_MORE  \
    "ldr r5, [r11, #4]\n" \
    "cmp r1, r5\n"        \
    "bne.w 2b\n"          \
    "ldr r5, [r11, #40]\n"

/* All channels of four pixels. r11 is the block, r7 the channels, r9 the output, r5 where the row of eight steps is
 * entered behind the first step; q4 the offsets, q5 the output offset. */
#define TD_CONV_MVE_BLOCK(sign, more)                                                              \
    __asm__ volatile(".syntax unified\n"                                                     \
                     "push {r4-r11, lr}\n"                                                   \
                     "vpush {d8-d11}\n"                                                      \
                     "mov r11, r0\n"                                                         \
                     "ldr r3, [r11, #8]\n"                                                   \
                     "ldr r7, [r11, #12]\n"                                                  \
                     "ldr r9, [r11, #20]\n"                                                  \
                     "ldr r0, [r11, #28]\n"                                                  \
                     "vldrh.u16 q4, [r0]\n"                                                  \
                     "ldr r0, [r11, #32]\n"                                                  \
                     "vdup.16 q5, r0\n"                                                      \
                     "ldr r0, [r11, #36]\n"                                                  \
                     "subs r0, r0, #1\n" /* without the first step */                        \
                     "rsbs r1, r0, #8\n" /* steps to skip, 0 to 8: none of nine steps */      \
                     "itt mi\n"          /* windows that go through the row again, 1 to 8 */  \
                     "andmi r1, r0, #7\n"                                                    \
                     "rsbmi r1, r1, #8\n"                                                    \
                     "movs r2, #" TD_CONV_MVE_STEP_BYTES "\n"                                \
                     "mul r1, r1, r2\n"                                                      \
                     "adr.w r5, 2f\n"                                                        \
                     "add r5, r5, r1\n"                                                      \
                     "orr r5, r5, #1\n" /* Thumb */                                          \
                     "str r5, [r11, #40]\n"                                                  \
                     "1:\n" /* two channels */                                               \
                     "ldr r1, [r11]\n"                                                       \
                     TD_CONV_MVE_STEP("vmladav.s8")                                          \
                     "bx r5\n"                                                               \
                     ".p2align 2\n"                                                          \
                     "2:\n"                                                                  \
                     ".rept 8\n" TD_CONV_MVE_STEP("vmladava.s8") ".endr\n"                   \
                     more                                                                    \
                     "vmov q0[2], q0[0], r0, r8\n"                                           \
                     "vmov q0[3], q0[1], r4, r12\n"                                          \
                     "vmov q1[2], q1[0], r2, r10\n"                                          \
                     "vmov q1[3], q1[1], r6, lr\n"                                           \
                     "ldm r7!, {r0, r2, r4, r6, r8, r10}\n"                                  \
                     "vadd.i32 q0, q0, r0\n"                                                 \
                     "vadd.i32 q1, q1, r2\n"                                                 \
                     "vqrdmulh.s32 q0, q0, r4\n"                                             \
                     "vqrdmulh.s32 q1, q1, r6\n"                                             \
                     sign                                                                    \
                     "vrshl.s32 q0, r8\n"                                                    \
                     "vrshl.s32 q1, r10\n"                                                   \
                     "vqmovnb.s32 q2, q0\n"                                                  \
                     "ldr r1, [r11, #16]\n"                                                  \
                     "vqmovnt.s32 q2, q1\n"                                                  \
                     "vqadd.s16 q2, q2, q5\n"                                                \
                     "vqmovnb.s16 q2, q2\n"                                                  \
                     "cmp r7, r1\n"                                                          \
                     "ldr r1, [r11, #24]\n"                                                  \
                     "vstrb.16 q2, [r9, q4]\n"                                               \
                     "add r9, r9, r1\n"                                                      \
                     "bne.w 1b\n"                                                            \
                     "vpop {d8-d11}\n"                                                       \
                     "pop {r4-r11, pc}\n")

#define TD_CONV_MVE_NAKED __attribute__((naked, noinline, used)) static void

/* See td_conv_vector_params.is_plain and .is_positive. */
TD_CONV_MVE_NAKED conv_vector_block_mve(__attribute__((unused)) conv_vector_block *block) {
    TD_CONV_MVE_BLOCK(TD_CONV_MVE_SIGN, TD_CONV_MVE_MORE);
}

TD_CONV_MVE_NAKED conv_vector_block_positive_mve(__attribute__((unused)) conv_vector_block *block) {
    TD_CONV_MVE_BLOCK("", TD_CONV_MVE_MORE);
}

/* The same for windows of up to nine steps. */
TD_CONV_MVE_NAKED conv_vector_block_short_mve(__attribute__((unused)) conv_vector_block *block) {
    TD_CONV_MVE_BLOCK(TD_CONV_MVE_SIGN, "");
}

TD_CONV_MVE_NAKED conv_vector_block_short_positive_mve(__attribute__((unused)) conv_vector_block *block) {
    TD_CONV_MVE_BLOCK("", "");
}

#endif
#endif /* TD_CONV_MVE_H */
