/* Vectors and start-up of a Cortex-M image: FPU on, .data copied, .bss cleared, then main.
 * Boots in the emulator, on QEMU's mps2-an500 and, with another linker script, on a board. */
#include <stdint.h>

#define TD_STARTUP __attribute__((section(".td_startup"), used))
#define TD_CPACR (*(volatile uint32_t *)0xE000ED88u) /* coprocessor access control register */
#define TD_FPU_FULL_ACCESS (0xFu << 20)

extern uint32_t td_stack_top[], td_data_begin[], td_data_end[], td_bss_begin[], td_bss_end[];
extern const uint32_t td_data_load[];

int main(void);
void td_reset(void);
void td_halt(void);

TD_STARTUP __attribute__((noreturn)) void td_halt(void)
{
    for (;;) {
        __asm__ volatile("nop");
    }
}

TD_STARTUP __attribute__((noreturn)) void td_reset(void)
{
    /* Before any floating point instruction, also those the compiler moves data with. */
    TD_CPACR |= TD_FPU_FULL_ACCESS;
    __asm__ volatile("dsb\n\tisb" ::: "memory");

    const uint32_t *from = td_data_load;
    for (volatile uint32_t *to = td_data_begin; to < td_data_end; to++, from++) {
        *to = *from;
    }
    for (volatile uint32_t *to = td_bss_begin; to < td_bss_end; to++) {
        *to = 0;
    }
    (void)main();
    td_halt();
}

typedef void (*td_vector)(void);

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    td_vector handlers[15];
} td_vectors = {
    td_stack_top,
    {td_reset, td_halt, td_halt, td_halt, td_halt, td_halt, td_halt, td_halt, td_halt, td_halt,
     td_halt, td_halt, td_halt, td_halt, td_halt},
};
