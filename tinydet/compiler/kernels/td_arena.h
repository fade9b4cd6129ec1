/* td_arena.h: the bytes of an arena read and written as wider words.
 *
 * C lets an object be read through its own type or a character type only. An arena is an array of bytes, whose
 * places hold int8_t now and int16_t, int32_t, uint32_t or float then. So whatever is wider than a byte in an arena is
 * accessed through these types, which GCC and clang take to alias everything, with any flags and across
 * link-time optimization: no -fno-strict-aliasing is needed. For another compiler they are the plain types; it must
 * not assume that different types lie at different addresses. Addresses are multiples of the word. */
#ifndef TD_ARENA_H
#define TD_ARENA_H

#include <stdint.h>

#if defined(__GNUC__)
#define TD_MAY_ALIAS __attribute__((may_alias))
#else
#define TD_MAY_ALIAS
#endif

typedef int16_t TD_MAY_ALIAS td_arena_s16;
typedef uint16_t TD_MAY_ALIAS td_arena_u16;
typedef int32_t TD_MAY_ALIAS td_arena_s32;
typedef uint32_t TD_MAY_ALIAS td_arena_u32;
typedef float TD_MAY_ALIAS td_arena_f32;

#endif /* TD_ARENA_H */
