/* td_small.h: TD_SMALL, in front of functions that take little of the time: on microcontrollers their code is small
 * rather than fast, and what several functions call is there once. Not for callers. */
#ifndef TD_SMALL_H
#define TD_SMALL_H

#if defined(__GNUC__) && defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
#if defined(__clang__)
#define TD_SMALL __attribute__((noinline, minsize))
#else
#define TD_SMALL __attribute__((noinline, cold))
#endif
#else
#define TD_SMALL
#endif

#endif /* TD_SMALL_H */
