/* The two instructions of AVX-VNNI that the kernels use, by their definition: so that the kernels for processors that
 * have them also run on those that do not. To be included in front of each file. */
#ifndef AVX_VNNI_STAND_IN_H
#define AVX_VNNI_STAND_IN_H

#include <immintrin.h>
#include <stdint.h>

/* sums[i] + a[4 * i] * b[4 * i] + ... + a[4 * i + 3] * b[4 * i + 3], a unsigned, b signed. */
static inline void stand_in_dot(int32_t *sums, const uint8_t *a, const int8_t *b, int count)
{
    for (int i = 0; i < 4 * count; i++) {
        sums[i / 4] += a[i] * b[i];
    }
}

static inline __m256i stand_in_256(__m256i sums, __m256i a, __m256i b)
{
    stand_in_dot((int32_t *)&sums, (const uint8_t *)&a, (const int8_t *)&b, 8);
    return sums;
}

static inline __m128i stand_in_128(__m128i sums, __m128i a, __m128i b)
{
    stand_in_dot((int32_t *)&sums, (const uint8_t *)&a, (const int8_t *)&b, 4);
    return sums;
}

#define _mm256_dpbusd_avx_epi32 stand_in_256
#define _mm_dpbusd_avx_epi32 stand_in_128
#undef __AVXVNNI__
#define __AVXVNNI__ 1

#endif
