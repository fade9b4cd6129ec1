/* td_conv_mve.h: the inner loops of td_conv_vector.c in Helium, the vector extension of Cortex-M55 and M85 (MVE). Not
 * for callers.
 *
 * VMLADAV sums sixteen products into a general register with an even number; there are eight of these. So a step
 * multiplies sixteen values of four pixels by those weights of two channels: six loads for eight multiplications, 14
 * instructions for 128 products, and no loop around it. Windows of one step stay in registers: two loads.
 * A Cortex-M55 computes half of a vector in a cycle, and reads the next one beside it: loads stand between
 * multiplications. Assembler, because compilers spill. */
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
    int32_t pixel_bytes, values; /* of windows of one step: from one pixel to the next, and what each has */
    int32_t groups;              /* of four pixels, one after the other; counted down here */
    int32_t group_bytes, group_output_bytes; /* from one to the next in `gathered` and in the output */
} conv_vector_block;

_Static_assert(offsetof(conv_vector_block, group_output_bytes) == 60,
               "the assembler code reads conv_vector_block as 16 words");
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

/* On to the next four pixels of the block in r0, or to label 4. */
#define TD_CONV_MVE_NEXT_GROUP(again)     \
    "ldr r2, [r0, #52]\n"                 \
    "ldrd r4, r6, [r0, #56]\n"            \
    "subs r2, r2, #1\n"                   \
    "beq 4f\n"                            \
    "ldrd r1, r3, [r0]\n"                 \
    "ldr r9, [r0, #20]\n"                 \
    "str r2, [r0, #52]\n"                 \
    "add r1, r1, r4\n"                    \
    "add r3, r3, r4\n"                    \
    "add r9, r9, r6\n"                    \
    "strd r1, r3, [r0]\n"                 \
    "str r9, [r0, #20]\n"                 \
    "b.w " again "\n"                     \
    "4:\n"

/* The sums of two channels as vectors q0 and q1, rescaled; their numbers are at r7. */
#define TD_CONV_MVE_RESCALED(sign)         \
    "vmov q0[2], q0[0], r0, r8\n"          \
    "vmov q0[3], q0[1], r4, r12\n"         \
    "vmov q1[2], q1[0], r2, r10\n"         \
    "vmov q1[3], q1[1], r6, lr\n"          \
    "ldm r7!, {r0, r2, r4, r6, r8, r10}\n" \
    "vadd.i32 q0, q0, r0\n"                \
    "vadd.i32 q1, q1, r2\n"                \
    "vqrdmulh.s32 q0, q0, r4\n"            \
    "vqrdmulh.s32 q1, q1, r6\n"            \
    sign                                   \
    "vrshl.s32 q0, r8\n"                   \
    "vrshl.s32 q1, r10\n"

/* All channels of some groups of four pixels. r11 is the block, r7 the channels, r9 the output, r5 where the row of eight steps is
 * entered behind the first step; q4 the offsets, q5 the output offset. */
#define TD_CONV_MVE_BLOCK(sign, more)                                                              \
    __asm__ volatile(".syntax unified\n"                                                     \
                     "push {r4-r11, lr}\n"                                                   \
                     "vpush {d8-d11}\n"                                                      \
                     "mov r11, r0\n"                                                         \
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
                     "3:\n" /* four pixels */                                                \
                     "ldrd r3, r7, [r11, #8]\n"                                              \
                     "ldr r9, [r11, #20]\n"                                                  \
                     "1:\n" /* two channels */                                               \
                     "ldr r1, [r11]\n"                                                       \
                     TD_CONV_MVE_STEP("vmladav.s8")                                          \
                     "bx r5\n"                                                               \
                     ".p2align 2\n"                                                          \
                     "2:\n"                                                                  \
                     ".rept 8\n" TD_CONV_MVE_STEP("vmladava.s8") ".endr\n"                   \
                     more                                                                    \
                     TD_CONV_MVE_RESCALED(sign)                                              \
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
                     "mov r0, r11\n"                                                         \
                     TD_CONV_MVE_NEXT_GROUP("3b")                                            \
                     "vpop {d8-d11}\n"                                                       \
                     "pop {r4-r11, pc}\n")

/* A step whose values lie `at` bytes behind r1. */
#define TD_CONV_MVE_STEP_AT(at, multiply)     \
    "vldrb.u8 q0, [r3], #16\n"                \
    "vldrw.u32 q2, [r1, #" at "]\n"           \
    multiply " r0, q0, q2\n"                  \
    "vldrb.u8 q1, [r3], #16\n"                \
    multiply " r2, q1, q2\n"                  \
    "vldrw.u32 q3, [r1, #" at " + 16]\n"      \
    multiply " r4, q0, q3\n"                  \
    multiply " r6, q1, q3\n"                  \
    "vldrw.u32 q2, [r1, #" at " + 32]\n"      \
    multiply " r8, q0, q2\n"                  \
    multiply " r10, q1, q2\n"                 \
    "vldrw.u32 q3, [r1, #" at " + 48]\n"      \
    multiply " r12, q0, q3\n"                 \
    multiply " lr, q1, q3\n"
#define TD_CONV_MVE_STEPS_2 TD_CONV_MVE_STEP_AT("0", "vmladav.s8") TD_CONV_MVE_STEP_AT("64", "vmladava.s8")
#define TD_CONV_MVE_STEPS_3 TD_CONV_MVE_STEPS_2 TD_CONV_MVE_STEP_AT("128", "vmladava.s8")
#define TD_CONV_MVE_STEPS_4 TD_CONV_MVE_STEPS_3 TD_CONV_MVE_STEP_AT("192", "vmladava.s8")
#define TD_CONV_MVE_STEPS_5 TD_CONV_MVE_STEPS_4 TD_CONV_MVE_STEP_AT("256", "vmladava.s8")
#define TD_CONV_MVE_STEPS_6 TD_CONV_MVE_STEPS_5 TD_CONV_MVE_STEP_AT("320", "vmladava.s8")
#define TD_CONV_MVE_STEPS_7 TD_CONV_MVE_STEPS_6 TD_CONV_MVE_STEP_AT("384", "vmladava.s8")
#define TD_CONV_MVE_STEPS_8 TD_CONV_MVE_STEPS_7 TD_CONV_MVE_STEP_AT("448", "vmladava.s8")

/* The only step of windows that stay in q4 to q7. */
#define TD_CONV_MVE_STEPS_1          \
    "vldrb.u8 q0, [r3], #16\n"       \
    "vmladav.s8 r0, q0, q4\n"        \
    "vldrb.u8 q1, [r3], #16\n"       \
    "vmladav.s8 r4, q0, q5\n"        \
    "vmladav.s8 r2, q1, q4\n"        \
    "vmladav.s8 r8, q0, q6\n"        \
    "vmladav.s8 r6, q1, q5\n"        \
    "vmladav.s8 r12, q0, q7\n"       \
    "vmladav.s8 r10, q1, q6\n"       \
    "vmladav.s8 lr, q1, q7\n"

/* Reads four pixels to q4 to q7, before r1 gets the output offset. */
#define TD_CONV_MVE_PIXELS                \
    "ldrd r2, r4, [r0, #44]\n"            \
    "vctp.8 r4\n"                         \
    "add r5, r1, r2\n"                    \
    "add r6, r5, r2\n"                    \
    "add r8, r6, r2\n"                    \
    "vpstttt\n"                           \
    "vldrbt.u8 q4, [r1]\n"                \
    "vldrbt.u8 q5, [r5]\n"                \
    "vldrbt.u8 q6, [r6]\n"                \
    "vldrbt.u8 q7, [r8]\n"                \
    "ldr r1, [r0, #32]\n"

#define TD_CONV_MVE_SIGN_OF_ONE      \
    "vshr.s32 q3, q0, #31\n"         \
    "vadd.i32 q0, q0, q3\n"          \
    "vshr.s32 q3, q1, #31\n"         \
    "vadd.i32 q1, q1, q3\n"

/* All channels of some groups whose windows have a known number of steps. r7 and r11 are the channels and their end, r5
 * and r9 the step and the start of the output, `offsets` the vector of the offsets there. */
#define TD_CONV_MVE_FIXED(steps, pixels, sign, offsets, output_offset)                       \
    __asm__ volatile(".syntax unified\n"                                                     \
                     "push {r0, r4-r11, lr}\n"                                               \
                     "vpush {d8-d15}\n"                                                      \
                     "3:\n" /* four pixels */                                                \
                     "ldr r1, [r0]\n"                                                        \
                     pixels                                                                  \
                     "ldr r2, [r0, #28]\n"                                                   \
                     "ldr r3, [r0, #8]\n"                                                    \
                     "ldrd r7, r11, [r0, #12]\n"                                             \
                     "ldrd r9, r5, [r0, #20]\n"                                              \
                     "vldrh.u16 " offsets ", [r2]\n"                                         \
                     "1:\n" /* two channels */                                               \
                     steps                                                                   \
                     TD_CONV_MVE_RESCALED(sign)                                              \
                     "cmp r7, r11\n"                                                         \
                     "vqmovnb.s32 q0, q0\n"                                                  \
                     "vqmovnt.s32 q0, q1\n"                                                  \
                     "vqadd.s16 q0, q0, " output_offset "\n"                                 \
                     "vqmovnb.s16 q0, q0\n"                                                  \
                     "vstrb.16 q0, [r9, " offsets "]\n"                                      \
                     "vadd.i16 " offsets ", " offsets ", r5\n"                               \
                     "bne.w 1b\n"                                                            \
                     "ldr r0, [sp, #64]\n"                                                   \
                     TD_CONV_MVE_NEXT_GROUP("3b")                                            \
                     "vpop {d8-d15}\n"                                                       \
                     "add sp, sp, #4\n"                                                      \
                     "pop {r4-r11, pc}\n")

#define TD_CONV_MVE_NAKED __attribute__((naked, noinline, used)) static void

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

#define TD_CONV_MVE_OFFSET "ldr r2, [r0, #32]\nvdup.16 q5, r2\n"
#define TD_CONV_MVE_POSITIVE(steps)                                                                              \
    TD_CONV_MVE_NAKED conv_vector_block_##steps##_positive_mve(__attribute__((unused)) conv_vector_block *block) { \
        TD_CONV_MVE_FIXED(TD_CONV_MVE_STEPS_##steps, TD_CONV_MVE_OFFSET, "", "q4", "q5");                        \
    }
TD_CONV_MVE_POSITIVE(2)
TD_CONV_MVE_POSITIVE(3)
TD_CONV_MVE_POSITIVE(4)
TD_CONV_MVE_POSITIVE(5)
TD_CONV_MVE_POSITIVE(6)
TD_CONV_MVE_POSITIVE(7)
TD_CONV_MVE_POSITIVE(8)

TD_CONV_MVE_NAKED conv_vector_block_1_mve(__attribute__((unused)) conv_vector_block *block) {
    TD_CONV_MVE_FIXED(TD_CONV_MVE_STEPS_1, TD_CONV_MVE_PIXELS, TD_CONV_MVE_SIGN_OF_ONE, "q2", "r1");
}

TD_CONV_MVE_NAKED conv_vector_block_1_positive_mve(__attribute__((unused)) conv_vector_block *block) {
    TD_CONV_MVE_FIXED(TD_CONV_MVE_STEPS_1, TD_CONV_MVE_PIXELS, "", "q2", "r1");
}

typedef void conv_vector_form_mve(conv_vector_block *block);

/* See td_conv_vector_params.is_plain and .is_positive. */
TD_INLINE conv_vector_form_mve *conv_vector_form(int32_t steps, int is_positive) {
    static conv_vector_form_mve *const positive[] = {
        conv_vector_block_1_positive_mve, conv_vector_block_2_positive_mve, conv_vector_block_3_positive_mve,
        conv_vector_block_4_positive_mve, conv_vector_block_5_positive_mve, conv_vector_block_6_positive_mve,
        conv_vector_block_7_positive_mve, conv_vector_block_8_positive_mve,
    };
    if (is_positive) {
        return steps <= (int32_t)(sizeof positive / sizeof *positive) ? positive[steps - 1] : conv_vector_block_positive_mve;
    }
    if (steps == 1) {
        return conv_vector_block_1_mve;
    }
    return steps <= TD_CONV_MVE_SHORT ? conv_vector_block_short_mve : conv_vector_block_mve;
}

#endif
#endif /* TD_CONV_MVE_H */
