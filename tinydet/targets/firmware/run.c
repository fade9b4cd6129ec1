/* Runs the network on the input that lies in the arena or in td_input, then stops. */
#include TD_MODEL_HEADER

#define TD_STARTUP __attribute__((section(".td_startup"), used))

extern uint8_t td_arena[TD_MODEL_MACRO(ARENA_BYTES)];
int main(void);

TD_STARTUP int main(void)
{
#ifdef TD_INPUT_OUTSIDE
    extern uint8_t td_input[TD_INPUT_BYTES];
    TD_MODEL(run)((const void *)td_input, td_arena);
#else
    TD_MODEL(run)(td_arena);
#endif
    for (;;) {
        __asm__ volatile("nop");
    }
}
