/* td_conv_steps_grouped.h: the steps of td_conv_dsp.h for a Cortex-M4. Not for callers. */
#ifndef TD_CONV_STEPS_GROUPED_H
#define TD_CONV_STEPS_GROUPED_H

/* A Cortex-M4 waits a cycle behind each row of loads, and its flash is as fast as short instructions are many: loads
 * stand together and in low registers. 16 products: 16 cycles with joined weights, 17 with others. The row of steps is
 * short, because caches of code are. */
#define TD_S0 "r6"
#define TD_S1 "r7"
#define TD_S2 "r8"
#define TD_S3 "r9"
#define TD_T0 "r10"
#define TD_T1 "r11"
#define TD_T2 "r12"
#define TD_T3 "lr"
#define TD_X "r2"
#define TD_Y "r3"
#define TD_V "r5"
#define TD_W "r4"
#define TD_CONV_STEPS "8"
#define TD_CONV_BEHIND_BYTES "4"
#define TD_CONV_COPIES_WEIGHTS 1 /* no cache holds them, and flash is slow */
#define TD_CONV_STEP_BYTES "46"
#define TD_CONV_STEP_BYTES_SPLIT "50"
#define TD_CONV_JOIN_BIASES "add.w r10, r6, r10, lsl #8\n"
/* The first step starts from the biases in S0 and T0. */
#define TD_CONV_BEGIN(start, split) \
    "ldr.w r12, [sp, #24]\n"        \
    "ldr.n r0, [sp, #28]\n"         \
    "ldr.w r6, [r12]\n"             \
    "ldr.w r10, [r12, #4]\n"        \
    "ldr.n r2, [r0, #0]\n"          \
    "ldr.n r3, [r0, #4]\n"          \
    "ldr.w r8, [r0, #8]\n"          \
    "ldr.w r9, [r0, #12]\n"         \
    "ldr.w r4, [r1, #4]!\n"         \
    "add.w r12, r12, #24\n"         \
    "str.w r12, [sp, #24]\n" start  \
    TD_CONV_FIRST_WEIGHTS split     \
    "smlad r7, r3, r5, r6\n"        \
    "smlad r11, r3, r4, r10\n"      \
    "smlad r12, r8, r4, r10\n"      \
    "smlad r8, r8, r5, r6\n"        \
    "smlad lr, r9, r4, r10\n"       \
    "smlad r9, r9, r5, r6\n"        \
    "smlad r10, r2, r4, r10\n"      \
    "smlad r6, r2, r5, r6\n"        \
    "ldr.n r2, [sp, #36]\n"         \
    "ldr.n r3, [sp, #48]\n"         \
    "ldr.n r0, [sp, #52]\n"         \
    "add.n r1, r3\n"                \
    "bx r2\n"
/* Both pointers go back by the steps that are skipped, which count in the constant distances. These are four bytes
 * longer than from the first step of a row, so that loads of the last step move the pointers on. */
#define TD_CONV_PREPARE_JUMP   \
    "subs r1, r1, #4\n"        \
    "subs r2, r2, #1\n"        \
    "rsb r5, r2, #0\n"         \
    "lsls r5, r5, #2\n"        \
    "add r4, r8, #12\n"        \
    "sub r4, r4, r2, lsl #4\n" \
    "strd r5, r4, [sp, #48]\n"
#define TD_CONV_PRODUCTS_JOINED TD_CONV_FIRST_WEIGHTS
#define TD_CONV_PRODUCTS_SPLIT TD_CONV_FIRST_WEIGHTS TD_CONV_SPLIT_WEIGHTS
#define TD_CONV_STEP_OF(first_two, products, last_two)                    \
    first_two products                                                    \
    TD_CONV_PRODUCT(TD_S0, TD_X, TD_V) TD_CONV_PRODUCT(TD_T0, TD_X, TD_W) \
    TD_CONV_PRODUCT(TD_S1, TD_Y, TD_V) TD_CONV_PRODUCT(TD_T1, TD_Y, TD_W) \
    last_two                                                              \
    TD_CONV_PRODUCT(TD_S2, TD_X, TD_V) TD_CONV_PRODUCT(TD_T2, TD_X, TD_W) \
    TD_CONV_PRODUCT(TD_S3, TD_Y, TD_V) TD_CONV_PRODUCT(TD_T3, TD_Y, TD_W)
#define TD_CONV_STEP(products)                           \
    TD_CONV_STEP_OF("ldr.n r2, [r0, #(16 * \\step + 4)]\n"  \
                    "ldr.n r3, [r0, #(16 * \\step + 8)]\n"  \
                    "ldr.n r4, [r1, #(4 * \\step + 4)]\n",  \
                    products,                            \
                    "ldr.n r2, [r0, #(16 * \\step + 12)]\n" \
                    "ldr.n r3, [r0, #(16 * \\step + 16)]\n")
#define TD_CONV_LAST_STEP(products)               \
    TD_CONV_STEP_OF("ldr.n r2, [r0, #116]\n"      \
                    "ldr.n r3, [r0, #120]\n"      \
                    "ldr.w r4, [r1, #32]!\n",     \
                    products,                     \
                    "ldr.n r2, [r0, #124]\n"      \
                    "ldr.w r3, [r0, #128]!\n")
#define TD_CONV_ROW_OF_STEPS(products)                                  \
    ".irp step, 0, 1, 2, 3, 4, 5, 6\n" TD_CONV_STEP(products) ".endr\n" \
    TD_CONV_LAST_STEP(products)                                         \
    "ldr.n r2, [sp, #32]\n"                                             \
    "cmp.n r0, r2\n"
#define TD_CONV_END(products) \
    "ldr.n r0, [sp, #24]\n"   \
    "ldr r2, [r0, #-16]\n"    \
    "ldr r3, [r0, #-12]\n"    \
    "ldr r5, [r0, #-8]\n"     \
    "ldr r4, [r0, #-4]\n"     \
    "ldr.n r0, [sp, #20]\n"
#define TD_CONV_STORE                \
    "ldm sp, {r0, r2, r3, r4, r5}\n" \
    "strb.w r9, [r4, r5]\n"          \
    "strb.w r8, [r3, r5]\n"          \
    "strb.w r7, [r2, r5]\n"          \
    "strb.w r6, [r0, r5]\n"          \
    "ldr.n r6, [sp, #40]\n"          \
    "ldr.n r7, [sp, #24]\n"          \
    "ldr.w r8, [sp, #44]\n"          \
    "adds.n r5, r5, r6\n"            \
    "strb.w lr, [r4, r5]\n"          \
    "strb.w r12, [r3, r5]\n"         \
    "strb.w r11, [r2, r5]\n"         \
    "strb.w r10, [r0, r5]\n"         \
    "adds.n r5, r5, r6\n"            \
    "str.n r5, [sp, #16]\n"          \
    "cmp.n r7, r8\n"
#define TD_CONV_FINISH(lower)                                                                               \
    ".irp sum, r6, r7, r8, r9\n"                                                                            \
    TD_CONV_SCALE("\\sum", TD_X) TD_CONV_SIGN("\\sum") TD_CONV_SHIFT("\\sum", TD_Y) TD_CONV_OFFSET("\\sum") \
    TD_CONV_CLAMP("\\sum") ".endr\n"                                                                        \
    ".irp sum, r10, r11, r12, lr\n"                                                                         \
    lower("\\sum")                                                                                          \
    TD_CONV_SCALE("\\sum", TD_V) TD_CONV_SIGN("\\sum") TD_CONV_SHIFT("\\sum", TD_W) TD_CONV_OFFSET("\\sum") \
    TD_CONV_CLAMP("\\sum") ".endr\n"                                                                        \
    TD_CONV_STORE

#define TD_CONV_FINISH_POSITIVE                                                                       \
    ".irp sum, r6, r7, r8, r9\n"                                                                      \
    TD_CONV_SCALE("\\sum", TD_X) ".endr\n"                                                            \
    "adds.n r0, #1\n"                                                                                 \
    "lsl.w r2, r0, r3\n"                                                                              \
    ".irp sum, r6, r7, r8, r9\n"                                                                      \
    "add.n \\sum, r2\n" TD_CONV_SHIFT("\\sum", TD_Y) TD_CONV_CLAMP("\\sum") ".endr\n"                 \
    "lsrs.n r5, r5, #1\n"                                                                             \
    "adds.n r4, #7\n"                                                                                 \
    "lsls.n r0, r4\n"                                                                                 \
    "adds.n r0, #64\n"                                                                                \
    ".irp sum, r10, r11, r12, lr\n"                                                                   \
    TD_CONV_SCALE_JOINED("\\sum", TD_V) TD_CONV_SHIFT("\\sum", TD_W) TD_CONV_CLAMP("\\sum") ".endr\n" \
    TD_CONV_STORE

#endif /* TD_CONV_STEPS_GROUPED_H */
