/* The four functions that compilers call by themselves in freestanding C too, to copy structs
 * and clear arrays. A user's C library has them; what is not called is dropped by the linker. */
#include <stdint.h>

typedef __SIZE_TYPE__ td_size;

void *memcpy(void *to, const void *from, td_size count);
void *memmove(void *to, const void *from, td_size count);
void *memset(void *to, int value, td_size count);
int memcmp(const void *a, const void *b, td_size count);

/* Through volatile, else the compiler makes each of these loops a call of itself. */

void *memcpy(void *to, const void *from, td_size count)
{
    volatile uint8_t *out = to;
    const uint8_t *in = from;
    for (td_size i = 0; i < count; i++) {
        out[i] = in[i];
    }
    return to;
}

void *memmove(void *to, const void *from, td_size count)
{
    volatile uint8_t *out = to;
    const uint8_t *in = from;
    if ((uintptr_t)to <= (uintptr_t)from) {
        return memcpy(to, from, count);
    }
    for (td_size i = count; i > 0; i--) {
        out[i - 1] = in[i - 1];
    }
    return to;
}

void *memset(void *to, int value, td_size count)
{
    volatile uint8_t *out = to;
    for (td_size i = 0; i < count; i++) {
        out[i] = (uint8_t)value;
    }
    return to;
}

int memcmp(const void *a, const void *b, td_size count)
{
    const volatile uint8_t *left = a, *right = b;
    for (td_size i = 0; i < count; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

#if defined(__clang__) /* its names for the same under the Arm EABI; GCC uses the plain ones */
void __aeabi_memcpy(void *to, const void *from, td_size count);
void __aeabi_memmove(void *to, const void *from, td_size count);
void __aeabi_memset(void *to, td_size count, int value);
void __aeabi_memclr(void *to, td_size count);

void __aeabi_memcpy(void *to, const void *from, td_size count)
{
    (void)memcpy(to, from, count);
}

void __aeabi_memmove(void *to, const void *from, td_size count)
{
    (void)memmove(to, from, count);
}

void __aeabi_memset(void *to, td_size count, int value)
{
    (void)memset(to, value, count);
}

void __aeabi_memclr(void *to, td_size count)
{
    (void)memset(to, 0, count);
}

#define TD_ALIAS(name, bytes)                                             \
    extern __typeof__(__aeabi_##name) __aeabi_##name##bytes               \
        __attribute__((alias("__aeabi_" #name)));
TD_ALIAS(memcpy, 4)
TD_ALIAS(memcpy, 8)
TD_ALIAS(memmove, 4)
TD_ALIAS(memmove, 8)
TD_ALIAS(memset, 4)
TD_ALIAS(memset, 8)
TD_ALIAS(memclr, 4)
TD_ALIAS(memclr, 8)
#endif
