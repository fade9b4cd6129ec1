/* td_depthwise_planar.h: what the forms of td_depthwise_planar.c share, and the one in Arm DSP instructions
 * (Cortex-M4, M7, M33). Not for callers.
 *
 * Rounding where all shifts are in [-22, -1], with s = -shift:
 *     high = (sum * multiplier + 2**30) >> 31
 *     output = clamp((high + (sum >> 31) + (1 << (s - 1)) + (output_offset << s)) >> s)
 * is td_divide_by_power(high, s) + output_offset. Its sign is that of `high`; where only the sum is negative,
 * high is 0, and one less does not change the quotient. The last two summands are one number per channel. */
#ifndef TD_DEPTHWISE_PLANAR_H
#define TD_DEPTHWISE_PLANAR_H

#include "td_fixed_point.h"

/* The input rows of one output row, each at the first window of channel 0. */
typedef struct {
    const int8_t *row[3];
    int32_t channel_step[3]; /* bytes to the next channel; 0 outside the image */
} planar_rows;

/* (1 << (shift - 1)) + (output_offset << shift) */
TD_INLINE int32_t planar_addend(int32_t output_offset, int32_t shift) {
    return (2 * output_offset + 1) * (1 << (shift - 1));
}

#if defined(TD_DSP) && !defined(TD_MVE)

/* The assembler code knows this order. */
typedef struct {
    const td_depthwise_channel *channels, *channels_end;
    int32_t fours_span;     /* bytes of the output from the first pixel to that behind the last four */
    int32_t pixels_left;    /* behind the last four: 0 to 3 */
    int32_t rounded_offset; /* 2 * output_offset + 1 */
    int32_t input_step[2];  /* from behind the last window that was read to the next channel, rows 0 and 1 ... */
    int32_t output_step;
    int32_t last_input_step; /* ... and row 2 */
    const int8_t *row[3];
    int8_t *output;
    int32_t output_channels;
} planar_row_dsp;

_Static_assert(offsetof(planar_row_dsp, fours_span) == 8 && offsetof(planar_row_dsp, pixels_left) == 12 &&
                   offsetof(planar_row_dsp, rounded_offset) == 16 && offsetof(planar_row_dsp, input_step) == 20 &&
                   offsetof(planar_row_dsp, output_step) == 28 && offsetof(planar_row_dsp, last_input_step) == 32 &&
                   offsetof(planar_row_dsp, row) == 36 && offsetof(planar_row_dsp, output) == 48 &&
                   offsetof(planar_row_dsp, output_channels) == 52,
               "the assembler code reads planar_row_dsp as fourteen words");
_Static_assert(sizeof(td_depthwise_channel) == 20, "the assembler code reads td_depthwise_channel as five words");

/* Sums are taken twice, by doubled weights and biases: SMMLAR then gives `high`, and the addend with it.
 *
 * Registers: r0-r2 the rows, r3 the output, r12 the output channels, lr twice the bias, r4-r7 the sums of four
 * pixels, r8 and r9 four input values as (0, 2) and (1, 3), r10 weights (0, 2) and r11 in one half weight 1.
 * Stack: weights (0, 2) of the rows at 0, 8 and 12; weights 1 of rows 0 and 1 at 4, in its two halves, of row 2 in the
 * top half of 16, in the bottom half of which is s; multiplier 20, addend 24, end of the fours 28, then planar_row_dsp
 * up to last_input_step at 32. Here `half` is the half of the weight 1. */
#define TD_PLANAR_SPLIT                 \
    "sxtb16 r9, r8, ror #8\n\t"       \
    "sxtb16 r8, r8\n\t"

/* Two pixels: the products of a row with stride 1. `s`: "lr" in row 0, else the sums themselves. */
#define TD_PLANAR_TWO_1(a, b, w, v, half, s_a, s_b)    \
    "smlad " a ", r8, " w ", " s_a "\n\t"              \
    "smlad " b ", r9, " w ", " s_b "\n\t"              \
    "smlab" half " " a ", r9, " v ", " a "\n\t"        \
    "smlat" half " " b ", r8, " v ", " b "\n\t"

/* The same with stride 2, but for the last tap of the second pixel. */
#define TD_PLANAR_TWO_2(a, b, w, v, half, s_a, s_b)    \
    "smlad " a ", r8, " w ", " s_a "\n\t"              \
    "smlatb " b ", r8, " w ", " s_b "\n\t"             \
    "smlab" half " " a ", r9, " v ", " a "\n\t"        \
    "smlat" half " " b ", r9, " v ", " b "\n\t"

/* The rows of four pixels. Loads of what comes next stand together: a Cortex-M4 waits a cycle behind each group of
 * them. The odd values are multiplied first, because the even ones are split off just before; on a Cortex-M7 products
 * then pair with the instructions in front of them. In the project's models four pixels of stride 1 take 51 to 52
 * cycles on a Cortex-M7, 71 to 75 on an M33 and 80 to 84 on an M4; with stride 2 58, 80 to 84 and 93 to 97. */
#define TD_PLANAR_WORD(register, place) "ldr.w " register ", [sp, #" place "]\n\t"
#define TD_PLANAR_OF_ROW_0(row) row TD_PLANAR_WORD("r10", "0") TD_PLANAR_WORD("r11", "4")
#define TD_PLANAR_OF_ROW_1(row) row TD_PLANAR_WORD("r10", "8")
#define TD_PLANAR_OF_ROW_2(row) row TD_PLANAR_WORD("r10", "12") TD_PLANAR_WORD("r11", "16")

#define TD_PLANAR_ROW_1(row, half, s_4, s_5, s_6, s_7, next)  \
    TD_PLANAR_SPLIT                                           \
    "smlab" half " r4, r9, r11, " s_4 "\n\t"                  \
    "smlad r4, r8, r10, r4\n\t"                               \
    "smlat" half " r5, r8, r11, " s_5 "\n\t"                  \
    "ldr.w r8, [" row "], #2\n\t"                             \
    "smlad r5, r9, r10, r5\n\t"                               \
    TD_PLANAR_SPLIT                                           \
    "smlab" half " r6, r9, r11, " s_6 "\n\t"                  \
    "smlad r6, r8, r10, r6\n\t"                               \
    "smlat" half " r7, r8, r11, " s_7 "\n\t"                  \
    "smlad r7, r9, r10, r7\n\t" next

#define TD_PLANAR_FOUR_1                                                                                  \
    TD_PLANAR_OF_ROW_0("ldr.w r8, [r0], #2\n\t")                                                          \
    TD_PLANAR_ROW_1("r0", "b", "lr", "lr", "lr", "lr", TD_PLANAR_OF_ROW_1("ldr.w r8, [r1], #2\n\t"))      \
    TD_PLANAR_ROW_1("r1", "t", "r4", "r5", "r6", "r7", TD_PLANAR_OF_ROW_2("ldr.w r8, [r2], #2\n\t"))      \
    TD_PLANAR_ROW_1("r2", "t", "r4", "r5", "r6", "r7", "")

/* With stride 2 the word that comes next is in r9. */
#define TD_PLANAR_ROW_2(row, half, s_4, s_5, s_6, s_7, next)  \
    "sxtb16 r8, r9\n\t"                                       \
    "sxtb16 r9, r9, ror #8\n\t"                               \
    "smlad r4, r8, r10, " s_4 "\n\t"                          \
    "smlatb r5, r8, r10, " s_5 "\n\t"                         \
    "ldr.w r8, [" row "], #4\n\t"                             \
    "smlab" half " r4, r9, r11, r4\n\t"                       \
    "smlat" half " r5, r9, r11, r5\n\t"                       \
    TD_PLANAR_SPLIT                                           \
    "smlab" half " r6, r9, r11, " s_6 "\n\t"                  \
    "smlat" half " r7, r9, r11, " s_7 "\n\t"                  \
    "ldrsb.w r9, [" row "]\n\t"                               \
    "smlabt r5, r8, r10, r5\n\t"                              \
    "smlad r6, r8, r10, r6\n\t"                               \
    "smlatb r7, r8, r10, r7\n\t"                              \
    "smlabt r7, r9, r10, r7\n\t" next

#define TD_PLANAR_FOUR_2                                                                                  \
    TD_PLANAR_OF_ROW_0("ldr.w r9, [r0], #4\n\t")                                                          \
    TD_PLANAR_ROW_2("r0", "b", "lr", "lr", "lr", "lr", TD_PLANAR_OF_ROW_1("ldr.w r9, [r1], #4\n\t"))      \
    TD_PLANAR_ROW_2("r1", "t", "r4", "r5", "r6", "r7", TD_PLANAR_OF_ROW_2("ldr.w r9, [r2], #4\n\t"))      \
    TD_PLANAR_ROW_2("r2", "t", "r4", "r5", "r6", "r7", "")

#define TD_PLANAR_PAIR_1(row, place, place_1, half, s_4, s_5)           \
    "ldr.w r8, [" row "], #2\n\t"                                       \
    TD_PLANAR_WORD("r6", place) TD_PLANAR_WORD("r7", place_1)           \
    TD_PLANAR_SPLIT                                                     \
    TD_PLANAR_TWO_1("r4", "r5", "r6", "r7", half, s_4, s_5)

/* Where one pixel is left, the byte behind its window may be missing. */
#define TD_PLANAR_PAIR_2(row, place, place_1, half, s_4, s_5)           \
    "ldr.w r8, [" row "], #4\n\t"                                       \
    TD_PLANAR_WORD("r6", place) TD_PLANAR_WORD("r7", place_1)           \
    TD_PLANAR_SPLIT                                                     \
    TD_PLANAR_TWO_2("r4", "r5", "r6", "r7", half, s_4, s_5)             \
    "cmp r11, #1\n\t"                                                   \
    "it hi\n\t"                                                         \
    "ldrsbhi.w r8, [" row "]\n\t"                                       \
    "smlabt r5, r8, r6, r5\n\t"

/* Multiplier and addend behind the last row, in the order in which they are used. */
#define TD_PLANAR_FACTORS_POSITIVE TD_PLANAR_WORD("r8", "20") TD_PLANAR_WORD("r9", "24")
#define TD_PLANAR_FACTORS_SHIFTED TD_PLANAR_WORD("r9", "24") TD_PLANAR_WORD("r8", "20")

#define TD_PLANAR_ROUND_POSITIVE(sum, multiplier, addend, free)              \
    "smmlar " sum ", " sum ", " multiplier ", " addend "\n\t"

#define TD_PLANAR_ROUND_SHIFTED(sum, multiplier, addend, free)               \
    "add.w " free ", " addend ", " sum ", asr #31\n\t"                       \
    "smmlar " sum ", " sum ", " multiplier ", " free "\n\t"

#define TD_PLANAR_CLAMP(sum, shift)                                          \
    "asr.w " sum ", " sum ", " shift "\n\t"                                  \
    "ssat " sum ", #8, " sum "\n\t"

/* The end that the output is compared with. A Cortex-M33 waits for what was shifted just before. */
#ifdef TD_CORTEX_M7
#define TD_PLANAR_END
#define TD_PLANAR_MOVE_AND_COMPARE "add.w r3, r3, r12, lsl #1\n\t cmp r3, r11\n\t"
#else
#define TD_PLANAR_END "sub.w r11, r11, r12, lsl #1\n\t"
#define TD_PLANAR_MOVE_AND_COMPARE "cmp r3, r11\n\t add.w r3, r3, r12, lsl #1\n\t"
#endif

#define TD_PLANAR_ROW(name, FOUR, PAIR, FORM)                                                           \
    __attribute__((naked, noinline, used)) static void name(                                            \
        __attribute__((unused)) const planar_row_dsp *row) {                                            \
        __asm__ volatile(                                                                               \
            ".syntax unified\n\t"                                                                       \
            "push {r4-r11, lr}\n\t"                                                                     \
            "sub sp, sp, #68\n\t"                                                                       \
            "ldm r0!, {r4-r11, lr}\n\t"                                                                 \
            "add r12, sp, #32\n\t"                                                                      \
            "stm r12, {r4-r11, lr}\n\t"                                                                 \
            "ldr.w r12, [r0, #16]\n\t"                                                                  \
            "ldm r0, {r0-r3}\n\t"                                                                       \
            "1:\n\t" /* a channel */                                                                    \
            "ldr r4, [sp, #32]\n\t"                                                                     \
            "ldm r4!, {r5-r9}\n\t"                                                                      \
            "str r4, [sp, #32]\n\t"                                                                     \
            "lsl.w lr, r5, #1\n\t"                                                                      \
            "asr.w r10, r7, #24\n\t"                                                                    \
            "sxtb16 r4, r7\n\t"                                                                         \
            "sxtb16 r5, r7, ror #8\n\t"                                                                 \
            "sxtb16 r11, r8, ror #8\n\t"                                                                \
            "sadd16 r4, r4, r4\n\t"                                                                     \
            "pkhbt r5, r5, r11, lsl #16\n\t"                                                            \
            "sadd16 r5, r5, r5\n\t"                                                                     \
            "strd r4, r5, [sp, #0]\n\t"                                                                 \
            "sxtb16 r4, r8\n\t"                                                                         \
            "sxtb16 r5, r9\n\t"                                                                         \
            "sxtb16 r7, r9, ror #8\n\t"                                                                 \
            "sadd16 r4, r4, r4\n\t"                                                                     \
            "sadd16 r5, r5, r5\n\t"                                                                     \
            "strd r4, r5, [sp, #8]\n\t"                                                                 \
            "pkhbt r5, r10, r7, lsl #17\n\t"                                                            \
            "strd r5, r6, [sp, #16]\n\t"                                                                \
            "ldr r7, [sp, #48]\n\t"                                                                     \
            "sub.w r4, r10, #1\n\t"                                                                     \
            "lsl.w r10, r7, r4\n\t"                                                                     \
            "ldr r4, [sp, #40]\n\t"                                                                     \
            "add.w r11, r3, r4\n\t" TD_PLANAR_END                                                       \
            "strd r10, r11, [sp, #24]\n\t"                                                              \
            "cmp r4, #0\n\t"                                                                            \
            "beq.w 3f\n\t"                                                                              \
            ".p2align 2\n\t"                                                                            \
            "2:\n\t" /* four pixels */                                                                  \
            FOUR TD_PLANAR_FACTORS_##FORM                                                               \
            TD_PLANAR_ROUND_##FORM("r4", "r8", "r9", "r10")                                             \
            TD_PLANAR_ROUND_##FORM("r5", "r8", "r9", "r10")                                             \
            TD_PLANAR_ROUND_##FORM("r6", "r8", "r9", "r10")                                             \
            TD_PLANAR_ROUND_##FORM("r7", "r8", "r9", "r10")                                             \
            "asr.w r4, r4, r11\n\t"                                                                     \
            "asr.w r5, r5, r11\n\t"                                                                     \
            "ssat r4, #8, r4\n\t"                                                                       \
            "asr.w r6, r6, r11\n\t"                                                                     \
            "ssat r5, #8, r5\n\t"                                                                       \
            "asr.w r7, r7, r11\n\t"                                                                     \
            "strb.w r4, [r3]\n\t"                                                                       \
            "ssat r6, #8, r6\n\t"                                                                       \
            "strb.w r5, [r3, r12]\n\t"                                                                  \
            "ssat r7, #8, r7\n\t"                                                                       \
            "add.w r3, r3, r12, lsl #1\n\t"                                                             \
            "ldr.w r11, [sp, #28]\n\t"                                                                  \
            "strb.w r6, [r3]\n\t"                                                                       \
            "strb.w r7, [r3, r12]\n\t"                                                                  \
            TD_PLANAR_MOVE_AND_COMPARE                                                                  \
            "bne.w 2b\n\t"                                                                              \
            "3:\n\t"                                                                                    \
            "ldr.w r11, [sp, #44]\n\t"                                                                  \
            "cmp.w r11, #0\n\t"                                                                         \
            "beq.w 5f\n\t"                                                                              \
            "4:\n\t" /* two pixels, or one */                                                           \
            PAIR("r0", "0", "4", "b", "lr", "lr")                                                       \
            PAIR("r1", "8", "4", "t", "r4", "r5")                                                       \
            PAIR("r2", "12", "16", "t", "r4", "r5")                                                     \
            "ldrd r6, r7, [sp, #20]\n\t"                                                                \
            "ldr.w r8, [sp, #16]\n\t"                                                                   \
            TD_PLANAR_ROUND_##FORM("r4", "r6", "r7", "r9")                                              \
            TD_PLANAR_ROUND_##FORM("r5", "r6", "r7", "r9")                                              \
            TD_PLANAR_CLAMP("r4", "r8")                                                                 \
            TD_PLANAR_CLAMP("r5", "r8")                                                                 \
            "strb.w r4, [r3]\n\t"                                                                       \
            "cmp.w r11, #1\n\t"                                                                         \
            "it hi\n\t"                                                                                 \
            "strbhi.w r5, [r3, r12]\n\t"                                                                \
            "add.w r3, r3, r12, lsl #1\n\t"                                                             \
            "subs.w r11, r11, #2\n\t"                                                                   \
            "bgt.w 4b\n\t"                                                                              \
            "5:\n\t"                                                                                    \
            "ldrd r4, r5, [sp, #52]\n\t"                                                                \
            "ldrd r6, r7, [sp, #60]\n\t"                                                                \
            "add r0, r0, r4\n\t"                                                                        \
            "add r1, r1, r5\n\t"                                                                        \
            "add r2, r2, r7\n\t"                                                                        \
            "add r3, r3, r6\n\t"                                                                        \
            "ldrd r4, r5, [sp, #32]\n\t"                                                                \
            "cmp r4, r5\n\t"                                                                            \
            "bne.w 1b\n\t"                                                                              \
            "add sp, sp, #68\n\t"                                                                       \
            "pop {r4-r11, pc}\n\t");                                                                    \
    }

TD_PLANAR_ROW(planar_row_dsp_shifted_1, TD_PLANAR_FOUR_1, TD_PLANAR_PAIR_1, SHIFTED)
#ifndef TD_PLANAR_SHIFTED_1_ALONE
TD_PLANAR_ROW(planar_row_dsp_shifted_2, TD_PLANAR_FOUR_2, TD_PLANAR_PAIR_2, SHIFTED)
TD_PLANAR_ROW(planar_row_dsp_positive_1, TD_PLANAR_FOUR_1, TD_PLANAR_PAIR_1, POSITIVE)
TD_PLANAR_ROW(planar_row_dsp_positive_2, TD_PLANAR_FOUR_2, TD_PLANAR_PAIR_2, POSITIVE)

/* One output row, of rounding TD_ROUND_SHIFTED or TD_ROUND_POSITIVE. */
TD_INLINE void planar_row_in_dsp(const td_depthwise_planar_params *p, const planar_rows *in, int8_t *output) {
    const int32_t left = p->output_width % 4;
    const int32_t read = p->output_width + left % 2; /* pixels computed: the odd one too */
    const int32_t consumed = read * p->stride_width;
    const planar_row_dsp row = {
        .channels = p->channel,
        .channels_end = p->channel + p->channels,
        .fours_span = (p->output_width - left) * p->channels,
        .pixels_left = left,
        .rounded_offset = 2 * p->output_offset + 1,
        .input_step = {in->channel_step[0] - consumed, in->channel_step[1] - consumed},
        .output_step = 1 - read * p->channels,
        .last_input_step = in->channel_step[2] - consumed,
        .row = {in->row[0], in->row[1], in->row[2]},
        .output = output,
        .output_channels = p->channels,
    };
    if (p->stride_width == 1) {
        if (p->rounding == TD_ROUND_POSITIVE) {
            planar_row_dsp_positive_1(&row);
        } else {
            planar_row_dsp_shifted_1(&row);
        }
    } else if (p->rounding == TD_ROUND_POSITIVE) {
        planar_row_dsp_positive_2(&row);
    } else {
        planar_row_dsp_shifted_2(&row);
    }
}

#endif
#endif
#endif /* TD_DEPTHWISE_PLANAR_H */
