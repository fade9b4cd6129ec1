/* td_conv_steps_apart.h: the steps of td_conv_dsp.h, for a Cortex-M7. Not for callers. */
#ifndef TD_CONV_STEPS_APART_H
#define TD_CONV_STEPS_APART_H

/* Two instructions a cycle: a load goes with the product in front of it, where LDRD goes alone, and a product goes with
 * the SXTB16 in front of it. What a step multiplies first is loaded in the step before, so that the last step is apart:
 * it loads the factors instead. 16 products: 8 cycles with joined weights, 9 with others. */
#define TD_S0 "r2"
#define TD_S1 "r3"
#define TD_S2 "r4"
#define TD_S3 "r5"
#define TD_T0 "r6"
#define TD_T1 "r7"
#define TD_T2 "r8"
#define TD_T3 "r9"
#define TD_X "r10"
#define TD_Y "r11"
#define TD_V "r12"
#define TD_W "lr"
#define TD_CONV_STEPS "16"
#define TD_CONV_BEHIND_BYTES "16"
#define TD_CONV_STEP_BYTES "56"
#define TD_CONV_STEP_BYTES_SPLIT "60"
#define TD_CONV_JOIN_BIASES "add.w r7, r2, r7, lsl #8\n"
/* The first step starts from the biases in S0 and T1. */
#define TD_CONV_BEGIN(start, split)\
    "ldr.w r0, [sp, #28]\n"             \
    "ldr.w lr, [r1], #4\n"              \
    "ldr.w r12, [sp, #24]\n"            \
    "ldr.w r11, [r0, #4]\n"             \
    "ldr.w r8, [r0, #8]\n"              \
    "ldr.w r2, [r12]\n"                 \
    "ldr.w r7, [r12, #4]\n"             \
    "add.w r12, r12, #24\n"             \
    "str.w r12, [sp, #24]\n"            \
    TD_CONV_FIRST_WEIGHTS split         \
    "ldr.w r10, [r0]\n"                 \
    "smlad r3, r11, r12, r2\n"          \
    "ldr.w r9, [r0, #12]\n"             \
    "smlad r4, r8, r12, r2\n"           \
    start                               \
    "smlad r5, r9, r12, r2\n"           \
    "smlad r6, r10, lr, r7\n"           \
    "smlad r2, r10, r12, r2\n"          \
    "ldr r10, [r0, #16]!\n"             \
    "smlad r9, r9, lr, r7\n"            \
    "smlad r8, r8, lr, r7\n"            \
    "ldr.w r12, [sp, #36]\n"            \
    "smlad r7, r11, lr, r7\n"           \
    "ldr.w lr, [r1], #4\n"              \
    "ldr.w r11, [r0, #4]\n"             \
    "bx r12\n"
/* Split weights are there a cycle later than those of the first channel, joined ones a cycle earlier. */
#define TD_CONV_PRODUCTS_JOINED \
    TD_CONV_FIRST_WEIGHTS TD_CONV_PRODUCT(TD_T0, TD_X, TD_W) TD_CONV_PRODUCT(TD_S0, TD_X, TD_V)
#define TD_CONV_PRODUCTS_SPLIT                  \
    TD_CONV_FIRST_WEIGHTS TD_CONV_SPLIT_WEIGHTS \
    TD_CONV_PRODUCT(TD_S0, TD_X, TD_V) TD_CONV_PRODUCT(TD_T0, TD_X, TD_W)
#define TD_CONV_STEP(products)                                   \
    products "ldr.w r10, [r0, #8]\n"                             \
    TD_CONV_PRODUCT(TD_T1, TD_Y, TD_W)                                    \
    TD_CONV_PRODUCT(TD_S1, TD_Y, TD_V) "ldr.w r11, [r0, #12]\n"           \
    TD_CONV_PRODUCT(TD_T2, TD_X, TD_W)                                    \
    TD_CONV_PRODUCT(TD_S2, TD_X, TD_V) "ldr r10, [r0, #16]!\n"            \
    TD_CONV_PRODUCT(TD_T3, TD_Y, TD_W) "ldr.w lr, [r1], #4\n"             \
    TD_CONV_PRODUCT(TD_S3, TD_Y, TD_V) "ldr.w r11, [r0, #4]\n"
#define TD_CONV_ROW_OF_STEPS(products)               \
    ".rept 16\n" TD_CONV_STEP(products) ".endr\n"    \
    "ldr.w r12, [sp, #32]\n"                         \
    "cmp r0, r12\n"
#define TD_CONV_END(products)                                    \
    products "ldr.w r10, [r0, #8]\n"                             \
    TD_CONV_PRODUCT(TD_T1, TD_Y, TD_W)                                    \
    TD_CONV_PRODUCT(TD_S1, TD_Y, TD_V) "ldr.w r11, [r0, #12]\n"           \
    TD_CONV_PRODUCT(TD_T2, TD_X, TD_W) "ldr.w r0, [sp, #24]\n"            \
    TD_CONV_PRODUCT(TD_S2, TD_X, TD_V)                                    \
    TD_CONV_PRODUCT(TD_T3, TD_Y, TD_W) "ldr r10, [r0, #-16]\n"            \
    TD_CONV_PRODUCT(TD_S3, TD_Y, TD_V) "ldr r11, [r0, #-12]\n"            \
    "ldr r12, [r0, #-8]\n"                                       \
    "ldr lr, [r0, #-4]\n"                                        \
    "ldr.w r0, [sp, #20]\n"
/* From sums to stored values, S0 to S3 by X and Y, T0 to T3 by V and W. The orders, like that of TD_CONV_BEGIN, are the
 * best that a search over the model of the Cortex-M7 (tinydet/targets/timing) found: 32 and 27 cycles for 64 and 54
 * instructions. */
#define TD_CONV_FINISH(lower)                                                                                \
    "smmlar r2, r2, r10, r2\n" lower("r8") "smmlar r4, r4, r10, r4\n" "smmlar r8, r8, r12, r8\n" lower("r9") \
    "smmlar r5, r5, r10, r5\n" lower("r6") "smmlar r3, r3, r10, r3\n" "add.w r4, r4, r4, asr #31\n"          \
    "add.w r8, r8, r8, asr #31\n" lower("r7") "add.w r2, r2, r2, asr #31\n" "smmlar r9, r9, r12, r9\n"       \
    "add.w r3, r3, r3, asr #31\n" "ldr.w r10, [sp, #12]\n" "asr.w r4, r4, r11\n" "smmlar r6, r6, r12, r6\n"  \
    "add.w r5, r5, r5, asr #31\n" "asr.w r8, r8, lr\n" "add.w r9, r9, r9, asr #31\n" "add.w r4, r4, r0\n"    \
    "add.w r6, r6, r6, asr #31\n" "smmlar r7, r7, r12, r7\n" "asr.w r5, r5, r11\n" "asr.w r2, r2, r11\n"     \
    "asr.w r3, r3, r11\n" "add.w r5, r5, r0\n" "asr.w r9, r9, lr\n" "ldr.w r12, [sp, #16]\n"                 \
    "ssat r5, #8, r5, asr #1\n" "add.w r3, r3, r0\n" "add.w r9, r9, r0\n" "add.w r7, r7, r7, asr #31\n"      \
    "add.w r8, r8, r0\n" "ldr.w r11, [sp, #8]\n" "ssat r9, #8, r9, asr #1\n" "asr.w r6, r6, lr\n"            \
    "strb.w r5, [r10, r12]\n" "asr.w r7, r7, lr\n" "add.w r2, r2, r0\n" "add.w r7, r7, r0\n"                 \
    "ssat r2, #8, r2, asr #1\n" "add.w r6, r6, r0\n" "ssat r4, #8, r4, asr #1\n" "ldr.w r5, [sp, #4]\n"      \
    "ldr.w r0, [sp, #0]\n" "strb.w r4, [r11, r12]\n" "ssat r8, #8, r8, asr #1\n" "ldr.w r4, [sp, #40]\n"     \
    "ssat r3, #8, r3, asr #1\n" "strb.w r3, [r5, r12]\n" "strb.w r2, [r0, r12]\n" "add.w r12, r12, r4\n"     \
    "ssat r7, #8, r7, asr #1\n" "ldr.w r3, [sp, #44]\n" "strb.w r9, [r10, r12]\n" "ldr.w lr, [sp, #24]\n"    \
    "ssat r6, #8, r6, asr #1\n" "strb.w r8, [r11, r12]\n" "cmp.w lr, r3\n" "strb.w r7, [r5, r12]\n"          \
    "add.w r4, r12, r4\n" "strb.w r6, [r0, r12]\n" "str.w r4, [sp, #16]\n"

#define TD_CONV_FINISH_POSITIVE                                                                                     \
    "smmlar r2, r2, r10, r2\n" "add.w lr, lr, #7\n" "smmlar r4, r4, r10, r4\n" "smmlar r3, r3, r10, r3\n"           \
    "add.w r0, r0, #1\n" "smmlar r5, r5, r10, r5\n" "lsl.w r10, r0, r11\n" "lsl.w r0, r0, lr\n"                     \
    "add.w r2, r2, r10\n" "lsr.w r12, r12, #1\n" "add.w r0, r0, #64\n" "smmla r7, r7, r12, r0\n"                    \
    "add.w r3, r3, r10\n" "add.w r5, r5, r10\n" "smmla r6, r6, r12, r0\n" "add.w r4, r4, r10\n"                     \
    "smmla r9, r9, r12, r0\n" "asr.w r2, r2, r11\n" "ldr.w r10, [sp, #12]\n" "asr.w r3, r3, r11\n"                  \
    "asr.w r5, r5, r11\n" "asr.w r9, r9, lr\n" "smmla r8, r8, r12, r0\n" "asr.w r4, r4, r11\n"                      \
    "ldr.w r12, [sp, #16]\n" "ssat r5, #8, r5, asr #1\n" "ldr.w r11, [sp, #8]\n" "ssat r4, #8, r4, asr #1\n"        \
    "strb.w r5, [r10, r12]\n" "ssat r3, #8, r3, asr #1\n" "strb.w r4, [r11, r12]\n" "ssat r2, #8, r2, asr #1\n"     \
    "asr.w r7, r7, lr\n" "ldr.w r5, [sp, #4]\n" "ldr.w r4, [sp, #40]\n" "ldr.w r0, [sp, #0]\n" "asr.w r8, r8, lr\n" \
    "ssat r9, #8, r9, asr #1\n" "strb.w r3, [r5, r12]\n" "ssat r8, #8, r8, asr #1\n" "strb.w r2, [r0, r12]\n"       \
    "add.w r12, r12, r4\n" "asr.w r6, r6, lr\n" "ssat r6, #8, r6, asr #1\n" "add.w r4, r12, r4\n"                   \
    "ssat r7, #8, r7, asr #1\n" "strb.w r9, [r10, r12]\n" "strb.w r8, [r11, r12]\n" "ldr.w r3, [sp, #44]\n"         \
    "ldr.w lr, [sp, #24]\n" "strb.w r7, [r5, r12]\n" "strb.w r6, [r0, r12]\n" "cmp.w lr, r3\n"                      \
    "str.w r4, [sp, #16]\n"

#endif /* TD_CONV_STEPS_APART_H */
