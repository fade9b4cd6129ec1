/* What every program around a model has: its arena, its input, its functions.
 *
 * TD_INPUT_OUTSIDE: the model takes its input from outside of the arena; it lies in td_input then.
 * TD_SELF_TEST: header of the self-test of a network without boxes, which is kept then. */
#include TD_MODEL_HEADER
#ifdef TD_SELF_TEST
#include TD_SELF_TEST
#endif

/* Written from outside before the program starts: not cleared by the start-up. */
__attribute__((section(".td_arena"), aligned(64), used))
uint8_t td_arena[TD_MODEL_MACRO(ARENA_BYTES)];
#ifdef TD_INPUT_OUTSIDE
__attribute__((section(".td_arena"), aligned(64), used)) uint8_t td_input[TD_INPUT_BYTES];
#endif

/* What is called from outside must not be dropped. */
#define TD_ENTRY(member) (const void *)TD_MODEL(member),
__attribute__((section(".td_startup.entries"), used)) static const void *const td_entries[] = {
#ifndef TD_INPUT_OUTSIDE
    TD_ENTRY(input)
#endif
    TD_ENTRY(run)
    TD_OUTPUTS(TD_ENTRY)
#ifdef TD_SELF_TEST
    TD_ENTRY(self_test)
#endif
};

void td_trace(const char *op, const void *output, int32_t output_bytes);

#ifdef TD_TRACE
/* Where one step ends and the next begins; the emulator watches for this address. */
__attribute__((noinline, section(".td_startup"), used)) void
td_trace(const char *op, const void *output, int32_t output_bytes)
{
#ifdef __ARM_FEATURE_MVE
    (void)*(const volatile char *)op; /* QEMU's plugin sees what is read, not the registers */
#endif
    __asm__ volatile("" ::"r"(op), "r"(output), "r"(output_bytes) : "memory");
}
#endif
