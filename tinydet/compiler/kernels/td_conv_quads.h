/* td_conv_quads.h: as td_conv_single.h, for four channels of two pixels at a time (Cortex-M4). Not for callers.
 *
 * What a step of this needs, two words of values and two of weights, is loaded in one row of loads, behind which a
 * Cortex-M4 waits once; for two channels of four pixels it waits twice. The words of weights of four channels lie
 * together: where weights are copied anyway, they are copied in this order. A Cortex-M33 waits for neither. */
#ifndef TD_CONV_QUADS_H
#define TD_CONV_QUADS_H

#include "td_conv_single.h"

#if defined(TD_CONV_SINGLE) && defined(__ARM_ARCH_7EM__)
#define TD_CONV_QUADS 1

/* Cycles that quads lose where they begin and end, in steps of a pair of channels, and in each call. */
enum { CONV_QUADS_STEPS_LOST = 12, CONV_QUADS_CALL_LOST = 128 };

/* Registers: r6 and r7 are the sums of the first channel, r8 to lr of the others; r0 walks through what was gathered, r1
 * through the weights. r2 and r3 are values of two pixels, r4 and r5 the weights of two channels each. 16 products:
 * 15 cycles. */
#define TD_CONV_QUAD_BYTES_OF_STEP "48"
#define TD_CONV_QUAD_STEP(loads)                                             \
    loads                                                                    \
    TD_CONV_SECOND("r8", "r2") TD_CONV_SECOND("r9", "r3")                    \
    "sxtb16 r4, r4\n"                                                        \
    "smlad r12, r2, r5, r12\n smlad lr, r3, r5, lr\n"                        \
    "sxtb16 r5, r5\n"                                                        \
    TD_CONV_SECOND("r6", "r2") TD_CONV_SECOND("r7", "r3")                    \
    "smlad r10, r2, r5, r10\n smlad r11, r3, r5, r11\n"

/* Fourteen steps: so many that all of a task lies in the code cache of 1 KiB that many STM32 have in front of their
 * flash. Loads of the seventh and the last one move the pointers on. */
#define TD_CONV_QUAD_WEIGHTS                                                 \
    "ldr.n r4, [r1, #(8 * \\step + 4)]\n"                                    \
    ".if \\step == 13\n"                                                     \
    "ldr.w r5, [r1, #112]!\n"                                                \
    ".else\n"                                                                \
    "ldr.n r5, [r1, #(8 * \\step + 8)]\n"                                    \
    ".endif\n"
#define TD_CONV_QUAD_VALUES                                                  \
    "ldr.n r2, [r0, #(16 * (\\step %% 7) + 12)]\n"                            \
    ".if (\\step %% 7) == 6\n"                                                \
    "ldr.w r3, [r0, #112]!\n"                                                \
    ".else\n"                                                                \
    "ldr.n r3, [r0, #(16 * (\\step %% 7) + 16)]\n"                            \
    ".endif\n"
#define TD_CONV_QUAD_STEPS                                                   \
    ".irp step, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13\n"              \
    TD_CONV_QUAD_STEP(TD_CONV_QUAD_WEIGHTS TD_CONV_QUAD_VALUES)              \
    ".endr\n"

/* r0 is at the factors of two pairs, r2 to r5 take those of the first one, then r4 and r5 of one channel after the
 * other. */
#define TD_CONV_QUAD_FACTORS                                                 \
    TD_CONV_KEPT("r0", "3")                                                  \
    "ldr.n r2, [r0, #8]\n"                                                   \
    "ldr.n r3, [r0, #12]\n"                                                  \
    "ldr.n r4, [r0, #16]\n"                                                  \
    "ldr.n r5, [r0, #20]\n"                                                  \
    "sub.w r8, r8, r6\n"                                                     \
    "sub.w r9, r9, r7\n"                                                     \
    "sub.w r12, r12, r10\n"                                                  \
    "sub.w lr, lr, r11\n"
#define TD_CONV_QUAD_NEXT_FACTORS(place)                                     \
    "ldr.n r4, [r0, #(" place ")]\n"                                         \
    "ldr.n r5, [r0, #(" place " + 4)]\n"
#define TD_CONV_QUAD_CLAMP(sums) TD_CONV_EACH(sums, "ssat \\sum, #8, \\sum")
#define TD_CONV_QUAD_TIMES(sums, factor, addend) TD_CONV_EACH(sums, "smmlar \\sum, \\sum, " factor ", " addend)

/* As TD_CONV_FINISH_POSITIVE. */
#define TD_CONV_QUAD_FINISH_POSITIVE                                         \
    TD_CONV_QUAD_FACTORS                                                     \
    TD_CONV_QUAD_TIMES("r6, r7", "r2", "\\sum")                              \
    "mvn.w r2, #127\n"                                                       \
    TD_CONV_QUAD_TIMES("r6, r7", "r3", "r2")                                 \
    "movs.n r3, #64\n"                                                       \
    TD_CONV_EACH("r8, r9", "smmla \\sum, \\sum, r4, r3")                     \
    TD_CONV_QUAD_TIMES("r8, r9", "r5", "r2")                                 \
    TD_CONV_QUAD_NEXT_FACTORS("32")                                          \
    TD_CONV_QUAD_CLAMP("r6, r7")                                             \
    TD_CONV_QUAD_TIMES("r10, r11", "r4", "\\sum")                            \
    TD_CONV_QUAD_TIMES("r10, r11", "r5", "r2")                               \
    TD_CONV_QUAD_NEXT_FACTORS("40")                                          \
    TD_CONV_QUAD_CLAMP("r8, r9")                                             \
    TD_CONV_EACH("r12, lr", "smmla \\sum, \\sum, r4, r3")                    \
    TD_CONV_QUAD_TIMES("r12, lr", "r5", "r2")                                \
    TD_CONV_QUAD_CLAMP("r10, r11, r12, lr")

/* As TD_CONV_FINISH_ANY. */
#define TD_CONV_QUAD_ROUND(sums, multiplier, power)                          \
    TD_CONV_QUAD_TIMES(sums, multiplier, "\\sum")                            \
    TD_CONV_EACH(sums, "add.w \\sum, \\sum, \\sum, asr #31")                 \
    TD_CONV_QUAD_TIMES(sums, power, "r2")
#define TD_CONV_QUAD_FINISH_ANY                                              \
    TD_CONV_QUAD_FACTORS                                                     \
    TD_CONV_EACH("r8, r9, r12, lr", "asr.w \\sum, \\sum, #8")                \
    TD_CONV_QUAD_TIMES("r6, r7", "r2", "\\sum")                              \
    TD_CONV_KEPT("r2", "9")                                                  \
    TD_CONV_EACH("r6, r7", "add.w \\sum, \\sum, \\sum, asr #31")             \
    TD_CONV_QUAD_TIMES("r6, r7", "r3", "r2")                                 \
    TD_CONV_QUAD_ROUND("r8, r9", "r4", "r5")                                 \
    TD_CONV_QUAD_NEXT_FACTORS("32")                                          \
    TD_CONV_QUAD_CLAMP("r6, r7")                                             \
    TD_CONV_QUAD_ROUND("r10, r11", "r4", "r5")                               \
    TD_CONV_QUAD_NEXT_FACTORS("40")                                          \
    TD_CONV_QUAD_CLAMP("r8, r9")                                             \
    TD_CONV_QUAD_ROUND("r12, lr", "r4", "r5")                                \
    TD_CONV_QUAD_CLAMP("r10, r11, r12, lr")

#define TD_CONV_QUAD_PLACES TD_CONV_KEPT("r2", "0") TD_CONV_KEPT("r3", "1") TD_CONV_KEPT("r4", "2")
/* Two adjacent pixels of one channel after the other. */
#define TD_CONV_QUAD_STORE_PLANAR                                            \
    TD_CONV_QUAD_PLACES                                                      \
    "strb.n r6, [r2, #0]\n"                                                  \
    "strb.n r7, [r2, #1]\n"                                                  \
    "add.n r2, r3\n"                                                         \
    "strb.w r8, [r2, #0]\n"                                                  \
    "strb.w r9, [r2, #1]\n"                                                  \
    "add.n r2, r3\n"                                                         \
    "strb.w r10, [r2, #0]\n"                                                 \
    "strb.w r11, [r2, #1]\n"                                                 \
    "add.n r2, r3\n"                                                         \
    "strb.w r12, [r2, #0]\n"                                                 \
    "strb.w lr, [r2, #1]\n"                                                  \
    "add.n r2, r3\n"                                                         \
    TD_CONV_KEEP("r2", "0")

/* Four adjacent channels of one pixel after the other. */
#define TD_CONV_QUAD_STORE_PIXELS                                            \
    TD_CONV_QUAD_PLACES                                                      \
    "strb.n r6, [r2, #0]\n"                                                  \
    "strb.w r8, [r2, #1]\n"                                                  \
    "strb.w r10, [r2, #2]\n"                                                 \
    "strb.w r12, [r2, #3]\n"                                                 \
    "adds.n r5, r2, #4\n"                                                    \
    "add.n r2, r3\n"                                                         \
    "strb.n r7, [r2, #0]\n"                                                  \
    "strb.w r9, [r2, #1]\n"                                                  \
    "strb.w r11, [r2, #2]\n"                                                 \
    "strb.w lr, [r2, #3]\n"                                                  \
    TD_CONV_KEEP("r5", "0")

/* All channels of a task, of the first two of its pixels: those of the others lie 8 bytes behind. Kept is what
 * TD_CONV_TASK keeps; 6 is how far the weights go back, and 4 bytes forth. */
#define TD_CONV_QUAD_TASK(finish, store)                                     \
    __asm__ volatile(".syntax unified\n"                                     \
                     "push {r4-r11, lr}\n"                                   \
                     TD_CONV_KEEP_BEGIN                                      \
                     "ldm r0, {r1-r8}\n"                                     \
                     "sub r9, r6, r5\n"                                      \
                     "sub r9, r9, #32\n" /* all steps but two */             \
                     "lsr r9, r9, #4\n"                                      \
                     "movs r0, #14\n"                                        \
                     "udiv r10, r9, r0\n"                                    \
                     "mls r9, r10, r0, r9\n"                                 \
                     "rsb r9, r9, #13\n" /* of fourteen, those to skip */    \
                     "mov r10, r9\n"                                         \
                     "movs r12, #0\n"                                        \
                     "cmp r9, #7\n"                                          \
                     "itt hs\n"                                              \
                     "subhs r10, r9, #7\n"                                   \
                     "movhs r12, #2\n" /* the seventh step is longer */      \
                     "add r11, r5, #4\n"                                     \
                     "sub r11, r11, r10, lsl #4\n"                           \
                     "lsl r10, r9, #3\n"                                     \
                     "rsb r10, r10, #4\n"                                    \
                     "movs r0, #" TD_CONV_QUAD_BYTES_OF_STEP "\n"            \
                     "mla r9, r9, r0, r12\n"                                 \
                     "adr.w r0, 2f\n"                                        \
                     "add r9, r9, r0\n"                                      \
                     "orr r9, r9, #1\n" /* Thumb */                          \
                     "sub r6, r6, #12\n"                                     \
                     TD_CONV_KEEP_TASK                                       \
                     "mov r0, r4\n"                                          \
                     ".p2align 4\n" /* as lines of that cache */             \
                     "1:\n" /* four channels */                              \
                     TD_CONV_KEEP("r0", "3")                                 \
                     TD_CONV_KEPT("r2", "4")                                 \
                     "ldr.n r6, [r0, #0]\n"                                  \
                     "ldr.w r8, [r0, #4]\n"                                  \
                     "ldr.w r10, [r0, #24]\n"                                \
                     "ldr.w r12, [r0, #28]\n"                                \
                     "ldr.n r5, [r1, #8]\n"                                  \
                     "ldr.w r4, [r1, #4]!\n"                                 \
                     "ldr.n r3, [r2, #4]\n"                                  \
                     "ldr.n r2, [r2, #0]\n"                                  \
                     "smlad r9, r3, r4, r8\n"                                \
                     "smlad r8, r2, r4, r8\n"                                \
                     "sxtb16 r4, r4\n"                                       \
                     "smlad lr, r3, r5, r12\n"                               \
                     "smlad r12, r2, r5, r12\n"                              \
                     "sxtb16 r5, r5\n"                                       \
                     "smlad r7, r3, r4, r6\n"                                \
                     "smlad r6, r2, r4, r6\n"                                \
                     "smlad r11, r3, r5, r10\n"                              \
                     "smlad r10, r2, r5, r10\n"                              \
                     TD_CONV_KEPT("r2", "5")                                 \
                     TD_CONV_KEPT("r3", "6")                                 \
                     TD_CONV_KEPT("r0", "7")                                 \
                     "add.n r1, r3\n"                                        \
                     "bx r2\n"                                               \
                     ".p2align 2\n"                                          \
                     "2:\n"                                                  \
                     TD_CONV_QUAD_STEPS                                      \
                     TD_CONV_KEPT("r2", "8")                                 \
                     "cmp.n r0, r2\n"                                        \
                     "bne.w 2b\n"                                            \
                     finish store                                            \
                     "adds.n r0, #48\n"                                      \
                     "cmp.n r1, r4\n"                                        \
                     "bne.w 1b\n"                                            \
                     TD_CONV_KEEP_END                                        \
                     "pop {r4-r11, pc}\n" ::: "memory")

/* As conv_task_positive and conv_task_joined. */
TD_CONV_TASK_OF conv_quads_positive(__attribute__((unused)) const conv_task *task) {
    TD_CONV_QUAD_TASK(TD_CONV_QUAD_FINISH_POSITIVE, TD_CONV_QUAD_STORE_PLANAR);
}

TD_CONV_TASK_OF conv_quads_joined(__attribute__((unused)) const conv_task *task) {
    TD_CONV_QUAD_TASK(TD_CONV_QUAD_FINISH_ANY, TD_CONV_QUAD_STORE_PIXELS);
}

/* Weights of two pairs of channels after the other, a word of the one, then a word of the other. */
TD_CONV_SHARED void conv_copy_quads(const int8_t *from, int8_t *to, ptrdiff_t steps, int32_t pairs) {
    const conv_word_at *first = (const conv_word_at *)(const void *)from;
    conv_word_at *out = (conv_word_at *)(void *)to;
    for (; pairs > 0; pairs -= 2, first += steps) {
        const conv_word_at *const end = first + steps;
        TD_UNROLL_FOUR_TIMES
        for (; first < end; out += 2) {
            const uint32_t word = *first, other = first[steps];
            first++;
            out[0] = word;
            out[1] = other;
        }
    }
}

#endif
#endif /* TD_CONV_QUADS_H */
