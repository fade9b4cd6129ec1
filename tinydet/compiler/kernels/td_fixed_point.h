/* td_fixed_point.h: the arithmetic and the window geometry that the kernels share. Not for callers. */
#ifndef TD_FIXED_POINT_H
#define TD_FIXED_POINT_H

#include "td_kernels.h"

/* Whether the forms in Arm DSP instructions are compiled: Cortex-M4, M7, M33, and A cores in Thumb code. */
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_UNALIGNED) && defined(__thumb2__) && \
    defined(__GNUC__) && !defined(TD_PORTABLE)
#define TD_DSP 1
#endif

/* Whether the forms in Helium, the integer vectors of Armv8.1-M, are compiled: Cortex-M55, M85. */
#if defined(__ARM_FEATURE_MVE) && defined(__GNUC__) && !defined(TD_PORTABLE)
#define TD_MVE 1
#endif

/* Whether code is arranged for the two instructions that a Cortex-M7 begins in a cycle. Compilers tell it from a
 * Cortex-M4 by its double-precision FPU only: without one, give -DTD_CORTEX_M7. */
#if defined(__ARM_ARCH_7EM__) && defined(__ARM_FP) && !defined(TD_CORTEX_M7)
#if __ARM_FP & 8
#define TD_CORTEX_M7 1
#endif
#endif

#if defined(__GNUC__)
#define TD_INLINE static inline __attribute__((always_inline))
/* Keeps the compiler from turning a copy loop into a call of memcpy or memset, which nobody provides. */
#define TD_NO_LIBRARY_CALL() __asm__ volatile("" ::: "memory")
#else
#define TD_INLINE static inline
#define TD_NO_LIBRARY_CALL() ((void)0)
#endif

/* a * b / 2**31, rounded to nearest, halves upwards. b > INT32_MIN. */
TD_INLINE int32_t td_high_product(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
}

/* value / 2**exponent, rounded to nearest, halves away from zero. exponent in [1, 32], value > INT32_MIN.
 * The last bit is shifted apart from the others so that adding the half cannot overflow. */
TD_INLINE int32_t td_divide_by_power(int32_t value, int32_t exponent) {
    return (((value + (value >> 31)) >> (exponent - 1)) + 1) >> 1;
}

/* td_high_product for b >= 0, in the form of one rounding multiply of the upper halves (Arm's SMMLAR): twice
 * b, where it does not fit in an int32, stands there 2**32 too low, which adding a makes good. */
TD_INLINE int32_t td_high_product_by_positive(int32_t a, int32_t b) {
    const int32_t twice = (int32_t)((uint32_t)b << 1);
    return (int32_t)(((int64_t)a * twice + (INT64_C(1) << 31)) >> 32) + (a & (twice >> 31));
}

/* value times the real factor, rounded twice as the reference kernels do. A left shift wraps. */
TD_INLINE int32_t td_rescale(int32_t value, td_requant requant) {
    if (requant.shift >= 0) {
        return td_high_product_by_positive((int32_t)((uint32_t)value << requant.shift), requant.multiplier);
    }
    return td_divide_by_power(td_high_product_by_positive(value, requant.multiplier), -requant.shift);
}

/* value times the real factor, rounded once, halves upwards, as the reference kernel of FULLY_CONNECTED does.
 * requant.shift in [-31, 29]. */
TD_INLINE int32_t td_rescale_once(int32_t value, td_requant requant) {
    const int32_t exponent = 31 - requant.shift;
    return (int32_t)(((int64_t)value * requant.multiplier + (INT64_C(1) << (exponent - 1))) >> exponent);
}

TD_INLINE int32_t td_clamp(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}

/* Filter taps [begin, end) of one direction that lie inside the image. */
typedef struct {
    int32_t begin, end;
} td_taps;

/* The taps of a filter whose tap 0 lies at pixel `start` of an image `size` pixels long. */
TD_INLINE td_taps td_taps_inside(int32_t start, int32_t size, int32_t filter, int32_t dilation) {
    td_taps taps = {0, filter};
    if (start < 0) {
        taps.begin = (dilation - 1 - start) / dilation;
    }
    if (start + (filter - 1) * dilation >= size) {
        taps.end = size <= start ? 0 : (size - start + dilation - 1) / dilation;
    }
    if (taps.end < taps.begin) {
        taps.end = taps.begin;
    }
    return taps;
}

/* Processors with vectors take words from anywhere; others have other kernels for what matters. */
#if defined(__GNUC__) && (defined(__ARM_NEON) || defined(__SSE2__) || defined(__wasm_simd128__))
#define TD_COPY_BYTES 16
typedef int8_t td_copied __attribute__((vector_size(16), aligned(1), may_alias));
#else
#define TD_COPY_BYTES 1
typedef int8_t td_copied;
#endif

/* Ranges that do not overlap. */
TD_INLINE void td_copy(const int8_t *from, int8_t *to, int32_t count) {
    int32_t i = 0;
    for (; TD_COPY_BYTES > 1 && i + TD_COPY_BYTES <= count; i += TD_COPY_BYTES) {
        *(td_copied *)(void *)(to + i) = *(const td_copied *)(const void *)(from + i);
        TD_NO_LIBRARY_CALL();
    }
    for (; i < count; i++) {
        to[i] = from[i];
        TD_NO_LIBRARY_CALL();
    }
}

TD_INLINE void td_fill(int8_t value, int8_t *to, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        to[i] = value;
        TD_NO_LIBRARY_CALL();
    }
}

#endif /* TD_FIXED_POINT_H */
