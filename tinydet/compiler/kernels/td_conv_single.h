/* td_conv_single.h: the inner loops of CONV_2D for processors that begin one instruction a cycle and have DSP
 * instructions (Cortex-M4, M33). Not for callers.
 *
 * As td_conv_block.h, for four pixels whose places in the output are equally far apart. Assembler, because 14 registers
 * are in use: eight sums, four operands, two pointers. */
#ifndef TD_CONV_SINGLE_H
#define TD_CONV_SINGLE_H

#include "td_conv_block.h"
#include "td_dsp.h"

#if defined(TD_DSP) && !defined(TD_CORTEX_M7)
#define TD_CONV_SINGLE 1

typedef uint32_t TD_MAY_ALIAS conv_word_at __attribute__((aligned(1))); /* anywhere */
typedef uint16_t TD_MAY_ALIAS conv_half_at __attribute__((aligned(1)));

/* Bytes 0 and 2 of a word, of four values, as int16. */
TD_INLINE uint32_t conv_even_bytes(uint32_t word, int is_unsigned) {
    uint32_t halves;
    if (is_unsigned) {
        return word & UINT32_C(0x00FF00FF);
    }
    __asm__("sxtb16 %0, %1" : "=r"(halves) : "r"(word));
    return halves;
}

/* The last one to three values of a run of at least four, of four pixels. */
TD_CONV_SHARED void conv_gather_last(const uint8_t *const in[TD_CONV_PIXELS], int32_t length, int is_unsigned,
                                td_arena_s16 *out) {
    td_arena_u32 *const pairs = (td_arena_u32 *)(void *)out;
    const int32_t last = length & 3;
    TD_RARE_LOOP
    for (int k = 0; last > 0 && k < TD_CONV_PIXELS; k++) {
        const uint32_t word = *(const conv_word_at *)(const void *)(in[k] + length - 4) >> (32 - 8 * last);
        const uint32_t even = conv_even_bytes(word, is_unsigned), odd = conv_even_bytes(word >> 8, is_unsigned);
        pairs[k] = (even & 0xFFFF) | odd << 16;
        if (last == 3) {
            pairs[TD_CONV_PIXELS + k] = even >> 16;
        }
    }
}

/* What becomes of the sums of a pair of channels: times multiplier / 2**32 as in conv_rescale_down, which gives `high`,
 * then high * power / 2**32, which is the right shift; both rounded to nearest. It takes the place of a td_conv_channels
 * where these are kept in the arena. */
typedef struct {
    int32_t first_start, second_start; /* of the sums as they are summed: second * 256 + first where they are joined */
    int32_t first_multiplier, first_power, second_multiplier, second_power;
} TD_MAY_ALIAS conv_factors;

/* The assembler code knows this order. */
typedef struct {
    int8_t *output;             /* of the first pixel and channel */
    ptrdiff_t step;             /* to the next channel where pixels are adjacent, else to the next pixel */
    const int8_t *last_weights; /* the last four */
    const conv_factors *factors;
    const td_arena_s16 *gathered, *gathered_end;
    const int8_t *weights;
    int32_t offset; /* of the output */
} conv_task;

_Static_assert(sizeof(conv_task) == 32 && sizeof(conv_factors) == 24 &&
                   sizeof(conv_factors) == sizeof(td_conv_channels),
               "the assembler code reads conv_task as eight words and conv_factors as six");

/* A step multiplies two values of four pixels by those weights of two channels. Joined weights are multiplied as they
 * are, second * 256 + first: the sum of the second channel is what is left of that after the first, a byte higher.
 * Weights that are not joined are split into both.
 *
 * Registers: r6 to r9 are the sums of the first channel, r10 to r12 and lr of the second; r0 walks through what was
 * gathered, r1 through the weights. r2 and r3 are values of two pixels, r4 the weights, r5 those of the first channel
 * alone. A Cortex-M4 waits a cycle behind each row of loads: they stand together. Its flash is as fast as short
 * instructions are many: they are in low registers. A Cortex-M33 waits for what was loaded, extended or multiplied just
 * before. 16 products: 16 cycles on an M4 with joined weights, 17 with others; 14 and 15 on an M33. */
#define TD_CONV_SUMS "r6, r7, r8, r9"
#define TD_CONV_SECOND_SUMS "r10, r11, r12, lr"
#define TD_CONV_FIRST_WEIGHTS "sxtb16 r5, r4\n"
#define TD_CONV_SPLIT_WEIGHTS "sxtb16 r5, r4\n sxtb16 r4, r4, ror #8\n"
#define TD_CONV_FIRST(sum, values) "smlad " sum ", " values ", r5, " sum "\n"
#define TD_CONV_SECOND(sum, values) "smlad " sum ", " values ", r4, " sum "\n"
#define TD_CONV_BYTES_OF_STEP "46"
#define TD_CONV_BYTES_OF_SPLIT_STEP "50"
#define TD_CONV_PRODUCTS_JOINED TD_CONV_FIRST_WEIGHTS TD_CONV_SECOND("r10", "r2") TD_CONV_FIRST("r6", "r2")
#define TD_CONV_PRODUCTS_SPLIT TD_CONV_SPLIT_WEIGHTS TD_CONV_FIRST("r6", "r2") TD_CONV_SECOND("r10", "r2")
/* The first step starts from first_start and second_start in r6 and r10. */
#define TD_CONV_START_JOINED TD_CONV_FIRST_WEIGHTS "smlad r11, r3, r4, r10\n smlad r7, r3, r5, r6\n"
#define TD_CONV_START_SPLIT TD_CONV_SPLIT_WEIGHTS "smlad r7, r3, r5, r6\n smlad r11, r3, r4, r10\n"

#define TD_CONV_STEP_OF(first_three, products, last_two)                     \
    first_three products                                                     \
    TD_CONV_SECOND("r11", "r3") TD_CONV_FIRST("r7", "r3")                    \
    last_two                                                                 \
    TD_CONV_SECOND("r12", "r2") TD_CONV_FIRST("r8", "r2")                    \
    TD_CONV_SECOND("lr", "r3") TD_CONV_FIRST("r9", "r3")

/* Eight steps; the loads of the last one move the pointers on. */
#define TD_CONV_EIGHT_STEPS(products)                                        \
    ".irp step, 0, 1, 2, 3, 4, 5, 6\n"                                       \
    TD_CONV_STEP_OF("ldr.n r4, [r1, #(4 * \\step + 4)]\n"                    \
                    "ldr.n r2, [r0, #(16 * \\step + 4)]\n"                   \
                    "ldr.n r3, [r0, #(16 * \\step + 8)]\n",                  \
                    products,                                                \
                    "ldr.n r2, [r0, #(16 * \\step + 12)]\n"                  \
                    "ldr.n r3, [r0, #(16 * \\step + 16)]\n")                 \
    ".endr\n"                                                                \
    TD_CONV_STEP_OF("ldr.w r4, [r1, #32]!\n"                                 \
                    "ldr.n r2, [r0, #116]\n"                                 \
                    "ldr.n r3, [r0, #120]\n",                                \
                    products,                                                \
                    "ldr.n r2, [r0, #124]\n"                                 \
                    "ldr.w r3, [r0, #128]!\n")

#define TD_CONV_EACH(sums, ...) ".irp sum, " sums "\n" __VA_ARGS__ "\n.endr\n"

/* Ten words have no room in the registers: they are in those of the FPU, from where a move takes a cycle and nothing
 * waits for it, or on the stack. */
#if defined(__ARM_FP)
#define TD_CONV_KEEP_BEGIN ""
#define TD_CONV_KEEP_END ""
#define TD_CONV_KEEP(from, place) "vmov s" place ", " from "\n"
#define TD_CONV_KEPT(to, place) "vmov " to ", s" place "\n"
#else
#define TD_CONV_KEEP_BEGIN "sub sp, sp, #40\n"
#define TD_CONV_KEEP_END "add sp, sp, #40\n"
#define TD_CONV_KEEP(from, place) "str " from ", [sp, #(4 * " place ")]\n"
#define TD_CONV_KEPT(to, place) "ldr " to ", [sp, #(4 * " place ")]\n"
#endif

/* From sums to outputs. r0 is at the factors of this pair but for the starts, r2 to r5 take them. */
#define TD_CONV_TAKE_FACTORS                                                 \
    TD_CONV_KEPT("r0", "3")                                                  \
    "ldm r0!, {r2, r3, r4, r5}\n"
/* The second sums of joined weights less the first ones. */
#define TD_CONV_PART                                                         \
    "sub.w r10, r10, r6\n"                                                   \
    "sub.w r11, r11, r7\n"                                                   \
    "sub.w r12, r12, r8\n"                                                   \
    "sub.w lr, lr, r9\n"
#define TD_CONV_LOWER TD_CONV_EACH(TD_CONV_SECOND_SUMS, "asr.w \\sum, \\sum, #8")

/* Where output_offset is -128, so that the sign of what is rounded means nothing. The second sums stay a byte higher:
 * what SMMLA cuts off without rounding is 7 bits lower than the product that is to be rounded, so 64 is added to these;
 * second_power is 2**7 less. */
#define TD_CONV_FINISH_POSITIVE                                              \
    TD_CONV_TAKE_FACTORS TD_CONV_PART                                        \
    TD_CONV_EACH(TD_CONV_SUMS, "smmlar \\sum, \\sum, r2, \\sum")             \
    "mvn.w r2, #127\n"                                                       \
    TD_CONV_EACH(TD_CONV_SUMS, "smmlar \\sum, \\sum, r3, r2")                \
    "movs.n r3, #64\n"                                                       \
    TD_CONV_EACH(TD_CONV_SECOND_SUMS, "smmla \\sum, \\sum, r4, r3")          \
    TD_CONV_EACH(TD_CONV_SUMS, "ssat \\sum, #8, \\sum")                      \
    TD_CONV_EACH(TD_CONV_SECOND_SUMS, "smmlar \\sum, \\sum, r5, r2")         \
    TD_CONV_EACH(TD_CONV_SECOND_SUMS, "ssat \\sum, #8, \\sum")

/* Rounding half away from zero: one less where it is negative. */
#define TD_CONV_FINISH_ANY(part)                                             \
    TD_CONV_TAKE_FACTORS part                                                \
    TD_CONV_EACH(TD_CONV_SUMS, "smmlar \\sum, \\sum, r2, \\sum")             \
    TD_CONV_KEPT("r2", "9")                                                  \
    TD_CONV_EACH(TD_CONV_SECOND_SUMS, "smmlar \\sum, \\sum, r4, \\sum")      \
    TD_CONV_EACH(TD_CONV_SUMS, "add.w \\sum, \\sum, \\sum, asr #31")         \
    TD_CONV_EACH(TD_CONV_SUMS, "smmlar \\sum, \\sum, r3, r2")                \
    TD_CONV_EACH(TD_CONV_SECOND_SUMS, "add.w \\sum, \\sum, \\sum, asr #31")  \
    TD_CONV_EACH(TD_CONV_SECOND_SUMS, "smmlar \\sum, \\sum, r5, r2")         \
    TD_CONV_EACH(TD_CONV_SUMS, "ssat \\sum, #8, \\sum")                      \
    TD_CONV_EACH(TD_CONV_SECOND_SUMS, "ssat \\sum, #8, \\sum")

/* Four adjacent pixels of one channel, then of the other. */
#define TD_CONV_STORE_PLANAR                                                 \
    TD_CONV_KEPT("r2", "0") TD_CONV_KEPT("r3", "1") TD_CONV_KEPT("r4", "2")  \
    "strb.n r6, [r2, #0]\n"                                                  \
    "strb.n r7, [r2, #1]\n"                                                  \
    "strb.w r8, [r2, #2]\n"                                                  \
    "strb.w r9, [r2, #3]\n"                                                  \
    "add.n r2, r3\n"                                                         \
    "strb.w r10, [r2, #0]\n"                                                 \
    "strb.w r11, [r2, #1]\n"                                                 \
    "strb.w r12, [r2, #2]\n"                                                 \
    "strb.w lr, [r2, #3]\n"                                                  \
    "add.n r2, r3\n"                                                         \
    TD_CONV_KEEP("r2", "0")

/* Two adjacent channels of one pixel after the other. */
#define TD_CONV_STORE_PIXELS                                                 \
    TD_CONV_KEPT("r2", "0") TD_CONV_KEPT("r3", "1") TD_CONV_KEPT("r4", "2")  \
    "adds.n r5, r2, #2\n"                                                    \
    TD_CONV_KEEP("r5", "0")                                                  \
    "strb.n r6, [r2, #0]\n"                                                  \
    "strb.w r10, [r2, #1]\n"                                                 \
    "add.n r2, r3\n"                                                         \
    "strb.n r7, [r2, #0]\n"                                                  \
    "strb.w r11, [r2, #1]\n"                                                 \
    "add.n r2, r3\n"                                                         \
    "strb.w r8, [r2, #0]\n"                                                  \
    "strb.w r12, [r2, #1]\n"                                                 \
    "add.n r2, r3\n"                                                         \
    "strb.w r9, [r2, #0]\n"                                                  \
    "strb.w lr, [r2, #1]\n"

/* From the first step, whose words are in r2 to r4, r8 and r9, to the last. */
#define TD_CONV_ROW_OF_STEPS(row_steps, products)                            \
                     TD_CONV_KEPT("r2", "5")                                 \
                     TD_CONV_KEPT("r3", "6")                                 \
                     TD_CONV_KEPT("r0", "7")                                 \
                     "add.n r1, r3\n"                                        \
                     "bx r2\n"                                               \
                     ".p2align 2\n"                                          \
                     "2:\n"                                                  \
                     ".rept " row_steps " / 8\n"                             \
                     TD_CONV_EIGHT_STEPS(products)                           \
                     ".endr\n"                                               \
                     TD_CONV_KEPT("r2", "8")                                 \
                     "cmp.n r0, r2\n"                                        \
                     "bne.w 2b\n"

/* All of few steps but the first one. */
#define TD_CONV_FEW_STEPS(others, last, products)                            \
    ".irp step, " others ", " last "\n"                                      \
    TD_CONV_STEP_OF(".if \\step < " last "\n"                               \
                    "ldr r4, [r1, #(4 * \\step)]\n"                         \
                    ".else\n"                                                \
                    "ldr.w r4, [r1, #(4 * \\step)]!\n"                      \
                    ".endif\n"                                               \
                    "ldr r2, [r0, #(16 * \\step)]\n"                        \
                    "ldr r3, [r0, #(16 * \\step + 4)]\n",                   \
                    products,                                                \
                    "ldr r2, [r0, #(16 * \\step + 8)]\n"                    \
                    "ldr r3, [r0, #(16 * \\step + 12)]\n")                  \
    ".endr\n"

/* Where a row of steps is entered, in r9, what r10 and r11 are for is said below. */
#define TD_CONV_ENTER(row_steps, step_bytes)                                 \
                     "sub r9, r6, r5\n"                                      \
                     "sub r9, r9, #16\n" /* without the first step */        \
                     "lsr r9, r9, #4\n"                                      \
                     "and r9, r9, #(" row_steps " - 1)\n"                     \
                     "rsb r9, r9, #(" row_steps " - 1)\n" /* steps to skip */  \
                     "and r10, r9, #7\n"                                     \
                     "lsr r12, r9, #3\n"                                     \
                     "movs r0, #" step_bytes "\n"                            \
                     "mul r9, r9, r0\n"                                      \
                     "add.w r9, r9, r12, lsl #2\n" /* each eighth step is longer */ \
                     "adr.w r0, 2f\n"                                        \
                     "add r9, r9, r0\n"                                      \
                     "orr r9, r9, #1\n" /* Thumb */                          \
                     "add r11, r5, #12\n"                                    \
                     "sub r11, r11, r10, lsl #4\n"                           \
                     "rsb r10, r10, #0\n"                                    \
                     "lsl r10, r10, #2\n"

/* Kept are output 0, step 1, last_weights 2, what follows of the factors 3, gathered 4, where the row of steps is entered
 * for the first time 5, how far the weights go back for the steps that are skipped 6, r0 at that entry 7 and behind the
 * last step 8, offset 9; 3 is kept for each pair anew. Then r1 is for the weights, four bytes in front of them. */
#define TD_CONV_KEEP_TASK                                                    \
    TD_CONV_KEEP("r1", "0") TD_CONV_KEEP("r2", "1") TD_CONV_KEEP("r3", "2")  \
    TD_CONV_KEEP("r5", "4") TD_CONV_KEEP("r9", "5") TD_CONV_KEEP("r10", "6") \
    TD_CONV_KEEP("r11", "7") TD_CONV_KEEP("r6", "8") TD_CONV_KEEP("r8", "9") \
    "sub r1, r7, #4\n"

/* All channels of a task. r0 and r1 are four bytes behind what comes next. */
#define TD_CONV_TASK(enter, start, steps, finish, store)                     \
    __asm__ volatile(".syntax unified\n"                                     \
                     "push {r4-r11, lr}\n"                                   \
                     TD_CONV_KEEP_BEGIN                                      \
                     "ldm r0, {r1-r8}\n"                                     \
                     "subs r6, r6, #4\n"                                     \
                     enter                                                   \
                     "ldm r4!, {r0, lr}\n"                                   \
                     TD_CONV_KEEP_TASK                                       \
                     "mov r6, r0\n"                                          \
                     "mov r10, lr\n"                                         \
                     "mov r0, r4\n"                                          \
                     ".p2align 4\n" /* as lines of a cache */                \
                     "1:\n" /* two channels */                               \
                     TD_CONV_KEEP("r0", "3")                                 \
                     TD_CONV_KEPT("r0", "4")                                 \
                     "ldr.w r4, [r1, #4]!\n"                                 \
                     "ldr.n r2, [r0, #0]\n"                                  \
                     "ldr.n r3, [r0, #4]\n"                                  \
                     "ldr.w r8, [r0, #8]\n"                                  \
                     "ldr.w r9, [r0, #12]\n"                                 \
                     start                                                   \
                     "smlad r12, r8, r4, r10\n"                              \
                     "smlad r8, r8, r5, r6\n"                                \
                     "smlad lr, r9, r4, r10\n"                               \
                     "smlad r9, r9, r5, r6\n"                                \
                     "smlad r10, r2, r4, r10\n"                              \
                     "smlad r6, r2, r5, r6\n"                                \
                     steps                                                   \
                     finish store                                            \
                     "cmp.n r1, r4\n"                                        \
                     "it ne\n" /* the starts of the next pair */             \
                     "ldmne.w r0!, {r6, r10}\n"                              \
                     "bne.w 1b\n"                                            \
                     TD_CONV_KEEP_END                                        \
                     "pop {r4-r11, pc}\n" ::: "memory")

#define TD_CONV_TASK_OF __attribute__((naked, noinline, used)) static void

/* Steps of a row of them. On a Cortex-M4 all of a task lies in the code cache of 1 KiB that many STM32 have in front of
 * their flash, and long windows are for td_conv_quads.h; an M33 has a larger cache, or none. */
#if defined(__ARM_ARCH_7EM__)
#define TD_CONV_POSITIVE_ROW "16"
#define TD_CONV_JOINED_ROW "8"
#else
#define TD_CONV_POSITIVE_ROW "64"
#define TD_CONV_JOINED_ROW "32"
#endif

/* Joined weights, output_offset = -128, and adjacent pixels: in front of a depthwise convolution. */
TD_CONV_TASK_OF conv_task_positive(__attribute__((unused)) const conv_task *task) {
    TD_CONV_TASK(TD_CONV_ENTER(TD_CONV_POSITIVE_ROW, TD_CONV_BYTES_OF_STEP), TD_CONV_START_JOINED,
                 TD_CONV_ROW_OF_STEPS(TD_CONV_POSITIVE_ROW, TD_CONV_PRODUCTS_JOINED),
                 TD_CONV_FINISH_POSITIVE, TD_CONV_STORE_PLANAR);
}

/* The same for windows of four and eight steps, as behind the first layers, and of fifteen, as in the first one. */
TD_CONV_TASK_OF conv_task_positive_4(__attribute__((unused)) const conv_task *task) {
    TD_CONV_TASK("", TD_CONV_START_JOINED,
                 TD_CONV_FEW_STEPS("1, 2", "3", TD_CONV_PRODUCTS_JOINED), TD_CONV_FINISH_POSITIVE,
                 TD_CONV_STORE_PLANAR);
}

TD_CONV_TASK_OF conv_task_positive_8(__attribute__((unused)) const conv_task *task) {
    TD_CONV_TASK("", TD_CONV_START_JOINED,
                 TD_CONV_FEW_STEPS("1, 2, 3, 4, 5, 6", "7", TD_CONV_PRODUCTS_JOINED), TD_CONV_FINISH_POSITIVE,
                 TD_CONV_STORE_PLANAR);
}

TD_CONV_TASK_OF conv_task_positive_15(__attribute__((unused)) const conv_task *task) {
    TD_CONV_TASK("", TD_CONV_START_JOINED,
                 TD_CONV_FEW_STEPS("1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13", "14", TD_CONV_PRODUCTS_JOINED),
                 TD_CONV_FINISH_POSITIVE, TD_CONV_STORE_PLANAR);
}

/* Adjacent channels, of joined weights and others. */
TD_CONV_TASK_OF conv_task_joined(__attribute__((unused)) const conv_task *task) {
    TD_CONV_TASK(TD_CONV_ENTER(TD_CONV_JOINED_ROW, TD_CONV_BYTES_OF_STEP), TD_CONV_START_JOINED,
                 TD_CONV_ROW_OF_STEPS(TD_CONV_JOINED_ROW, TD_CONV_PRODUCTS_JOINED),
                 TD_CONV_FINISH_ANY(TD_CONV_PART TD_CONV_LOWER), TD_CONV_STORE_PIXELS);
}

TD_CONV_TASK_OF conv_task_split(__attribute__((unused)) const conv_task *task) {
    TD_CONV_TASK(TD_CONV_ENTER("8", TD_CONV_BYTES_OF_SPLIT_STEP), TD_CONV_START_SPLIT,
                 TD_CONV_ROW_OF_STEPS("8", TD_CONV_PRODUCTS_SPLIT), TD_CONV_FINISH_ANY(""), TD_CONV_STORE_PIXELS);
}

/* Of windows of eight steps, in which joined weights save nothing. */
TD_CONV_TASK_OF conv_task_split_8(__attribute__((unused)) const conv_task *task) {
    TD_CONV_TASK("", TD_CONV_START_SPLIT, TD_CONV_FEW_STEPS("1, 2, 3, 4, 5, 6", "7", TD_CONV_PRODUCTS_SPLIT),
                 TD_CONV_FINISH_ANY(""), TD_CONV_STORE_PIXELS);
}

#endif
#endif /* TD_CONV_SINGLE_H */
