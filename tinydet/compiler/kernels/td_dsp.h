/* td_dsp.h: single instructions of the Arm DSP extension (Cortex-M4, M7, M33) as functions. Not for callers.
 *
 * They exist where TD_DSP is defined. A word holds four int8, or two int16 in its bottom and top half. */
#ifndef TD_DSP_H
#define TD_DSP_H

#include "td_fixed_point.h"
#include "td_small.h"

#ifdef TD_DSP

/* Beside DSP code the portable loops serve rare cases and what is left over: no room for unrolled ones. */
#if defined(__clang__)
#define TD_RARE_LOOP _Pragma("clang loop unroll(disable)")
#endif

/* Four adjacent bytes; any address. */
TD_INLINE uint32_t td_load_4(const int8_t *from) {
    uint32_t word;
    __asm__("ldr %0, %1" : "=r"(word) : "m"(*(const int8_t(*)[4])from));
    return word;
}

TD_INLINE void td_store_4(int8_t *to, uint32_t word) {
    __asm__("str %1, %0" : "=m"(*(int8_t(*)[4])to) : "r"(word));
}

/* Bytes 0 and 2, and bytes 1 and 3, as int16. */
TD_INLINE uint32_t td_even_bytes(uint32_t word) {
    uint32_t halves;
    __asm__("sxtb16 %0, %1" : "=r"(halves) : "r"(word));
    return halves;
}

TD_INLINE uint32_t td_odd_bytes(uint32_t word) {
    uint32_t halves;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(halves) : "r"(word));
    return halves;
}

/* sum + (factor * half >> 16), rounded down; both halves of `halves`. */
TD_INLINE int32_t td_add_scaled_bottom(int32_t sum, int32_t factor, uint32_t halves) {
    int32_t result;
    __asm__("smlawb %0, %1, %2, %3" : "=r"(result) : "r"(factor), "r"(halves), "r"(sum));
    return result;
}

TD_INLINE int32_t td_add_scaled_top(int32_t sum, int32_t factor, uint32_t halves) {
    int32_t result;
    __asm__("smlawt %0, %1, %2, %3" : "=r"(result) : "r"(factor), "r"(halves), "r"(sum));
    return result;
}

/* a + b of both halves. */
TD_INLINE uint32_t td_add_halves(uint32_t a, uint32_t b) {
    uint32_t sums;
    __asm__("sadd16 %0, %1, %2" : "=r"(sums) : "r"(a), "r"(b) : "cc");
    return sums;
}

/* a + b of both halves, and to that a half of if_positive where it is >= 0, else one of if_negative. */
TD_INLINE uint32_t td_add_halves_and_choice(uint32_t a, uint32_t b, uint32_t if_positive, uint32_t if_negative) {
    uint32_t sums, chosen;
    __asm__(
        "sadd16 %0, %2, %3\n\t"
        "sel %1, %4, %5\n\t"
        "sadd16 %0, %0, %1"
        : "=&r"(sums), "=&r"(chosen)
        : "r"(a), "r"(b), "r"(if_positive), "r"(if_negative)
        : "cc");
    return sums;
}

/* value >> shift, clamped to int8. `shift` is a constant in [1, 31]. */
#define TD_SHIFT_TO_S8(result, value, shift) \
    __asm__("ssat %0, #8, %1, asr %2" : "=r"(result) : "r"(value), "I"(shift))

#endif

#ifndef TD_RARE_LOOP
#define TD_RARE_LOOP
#endif

/* Functions of such loops. */
#if defined(TD_DSP) && !defined(TD_MVE)
#define TD_RARE TD_SMALL static
#else
#define TD_RARE TD_INLINE
#endif

#endif /* TD_DSP_H */
