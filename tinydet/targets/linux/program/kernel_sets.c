#include "kernel_sets.h"

#include <string.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#define DOT_PRODUCT (1UL << 20)     /* HWCAP_ASIMDDP of Linux */
#define MATRIX_PRODUCTS (1UL << 13) /* HWCAP2_I8MM */
static int runs_dotprod(void)
{
    return (getauxval(AT_HWCAP) & DOT_PRODUCT) != 0;
}
static int runs_i8mm(void)
{
    return runs_dotprod() && (getauxval(AT_HWCAP2) & MATRIX_PRODUCTS) != 0;
}
#elif defined(__x86_64__)
#include <cpuid.h>

#define AVX_STATE 0x6u     /* of XCR0: the system saves the registers of AVX */
#define AVX512_STATE 0xE6u /* and those of AVX-512 */

static int has_state(unsigned state)
{
    unsigned a = 0, b = 0, c = 0, d = 0, low = 0, high = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) {
        return 0;
    }
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & state) == state;
}

/* Bits of CPUID leaf 7: b and c of its subleaf 0, a of its subleaf 1; and of leaf 1, c. */
static int has_bits(unsigned of_b, unsigned of_c, unsigned of_a_1)
{
    const unsigned of_leaf_1 = bit_FMA | bit_MOVBE | bit_F16C;
    unsigned a = 0, b = 0, c = 0, d = 0, a_1 = 0, c_1 = 0, x = 0, y = 0;
    if (!__get_cpuid(1, &x, &y, &c_1, &d) || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        return 0;
    }
    (void)__get_cpuid_count(7, 1, &a_1, &x, &y, &d);
    return (c_1 & of_leaf_1) == of_leaf_1 && (b & of_b) == of_b && (c & of_c) == of_c && (a_1 & of_a_1) == of_a_1;
}

#define BITS_OF_AVX2 (bit_AVX2 | bit_BMI | bit_BMI2)
#define BITS_OF_AVX512 (BITS_OF_AVX2 | bit_AVX512F | bit_AVX512VL | bit_AVX512BW | bit_AVX512DQ | bit_AVX512CD)
#define BIT_OF_AVX_VNNI (1u << 4)

static int runs_avx2(void)
{
    return has_state(AVX_STATE) && has_bits(BITS_OF_AVX2, 0, 0);
}

static int runs_avx_vnni(void)
{
    return has_state(AVX_STATE) && has_bits(BITS_OF_AVX2, 0, BIT_OF_AVX_VNNI);
}

static int runs_avx512_vnni(void)
{
    return has_state(AVX512_STATE) && has_bits(BITS_OF_AVX512, bit_AVX512VNNI, 0);
}
#endif

static int runs_baseline(void)
{
    return 1;
}

/* TD_KERNEL_SETS(SET): SET(name, condition) for each, the best one first, given when the program is built. */
#define DECLARE(set, condition)                                                       \
    extern const char *const TD_MODEL(class_names_##set)[];                           \
    void TD_MODEL(run_##set)(void *arena);                                            \
    int32_t TD_MODEL(preprocess_##set)(const td_image *source, void *arena);          \
    int TD_MODEL(detect_image_##set)(const td_image *source, void *arena, td_detection *out, int capacity);
#define ENTRY(set, condition)                                                         \
    {#set, runs_##condition, TD_MODEL(class_names_##set), TD_MODEL(run_##set), TD_MODEL(preprocess_##set), TD_MODEL(detect_image_##set)},

TD_KERNEL_SETS(DECLARE)

static const td_kernel_set sets[] = {TD_KERNEL_SETS(ENTRY)};

const td_kernel_set *td_choose_kernel_set(const char *name)
{
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        if ((name == NULL || strcmp(name, sets[i].name) == 0) && sets[i].runs_here()) {
            return &sets[i];
        }
    }
    return NULL;
}
