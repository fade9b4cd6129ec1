/* Vectors and start-up of a Cortex-M image: stack, FPU, caches, variables, then main. Boots in the
 * emulator, on QEMU's mps2-an500 and on boards, from flash or from RAM that a debugger filled.
 *
 * TD_CACHES:         switch the core's caches on (Cortex-M7, Cortex-M55)
 * TD_NUM_INTERRUPTS: number of device interrupts that go to td_interrupt(); 0 without */
#include <stdint.h>

#ifndef TD_NUM_INTERRUPTS
#define TD_NUM_INTERRUPTS 0
#endif

#define TD_STARTUP __attribute__((section(".td_startup"), used))
#define TD_REGISTER(address) (*(volatile uint32_t *)(address))
#define TD_VTOR TD_REGISTER(0xE000ED08u)  /* vector table offset register */
#define TD_CPACR TD_REGISTER(0xE000ED88u) /* coprocessor access control register */
#define TD_FPU_FULL_ACCESS (0xFu << 20)

extern uint32_t td_stack_top[], td_stack_bottom[];
extern uint32_t td_data_begin[], td_data_end[], td_bss_begin[], td_bss_end[];
extern const uint32_t td_data_load[];
extern uint32_t td_kernels_begin[], td_kernels_end[];
extern const uint32_t td_kernels_load[];

int main(void);
void td_reset(void);
void td_start(void);
void td_halt(void);
void td_fault(void);
void td_hard_fault(void);

/* Where the program ends. */
TD_STARTUP __attribute__((noreturn)) void td_halt(void)
{
    for (;;) {
        __asm__ volatile("nop");
    }
}

/* Where the program ends after a fault or an interrupt that nobody handles. */
TD_STARTUP __attribute__((noreturn)) void td_fault(void)
{
    for (;;) {
        __asm__ volatile("nop");
    }
}

/* A semihosting call (bkpt 0xAB) without a debugger is a hard fault: it is stepped over, so that
 * a program that prints runs alone as well. */
TD_STARTUP __attribute__((naked)) void td_hard_fault(void)
{
    __asm__ volatile("tst lr, #4\n\t"
                     "ite eq\n\t"
                     "mrseq r0, msp\n\t"
                     "mrsne r0, psp\n\t"
                     "ldr r1, [r0, #24]\n\t" /* where it happened */
                     "ldrh r2, [r1]\n\t"
                     "movw r3, #0xBEAB\n\t"
                     "cmp r2, r3\n\t"
                     "bne td_fault\n\t"
                     "adds r1, #2\n\t"
                     "str r1, [r0, #24]\n\t"
                     "bx lr\n\t");
}

#if TD_NUM_INTERRUPTS
void td_interrupt(int32_t number);

TD_STARTUP static void td_any_interrupt(void)
{
    uint32_t exception;
    __asm__ volatile("mrs %0, ipsr" : "=r"(exception));
    td_interrupt((int32_t)(exception & 0x1FFu) - 16);
}
#define TD_HANDLER td_any_interrupt
#else
#define TD_HANDLER td_fault
#endif

#ifdef TD_CACHES
#define TD_CCR TD_REGISTER(0xE000ED14u)     /* configuration and control register */
#define TD_CCSIDR TD_REGISTER(0xE000ED80u)  /* cache size */
#define TD_CSSELR TD_REGISTER(0xE000ED84u)  /* cache selection */
#define TD_ICIALLU TD_REGISTER(0xE000EF50u) /* invalidate the instruction cache */
#define TD_DCISW TD_REGISTER(0xE000EF60u)   /* invalidate a line of the data cache */
#define TD_CCR_DATA_CACHE (1u << 16)
#define TD_CCR_INSTRUCTION_CACHE (1u << 17)

static void td_barrier(void)
{
    __asm__ volatile("dsb\n\tisb" ::: "memory");
}

TD_STARTUP static void td_enable_caches(void)
{
    if (!(TD_CCR & TD_CCR_INSTRUCTION_CACHE)) {
        td_barrier();
        TD_ICIALLU = 0;
        td_barrier();
        TD_CCR |= TD_CCR_INSTRUCTION_CACHE;
        td_barrier();
    }
    if (!(TD_CCR & TD_CCR_DATA_CACHE)) { /* one that is on may hold what is not yet in RAM */
        TD_CSSELR = 0;
        td_barrier();
        const uint32_t last_set = (TD_CCSIDR >> 13) & 0x7FFFu, last_way = (TD_CCSIDR >> 3) & 0x3FFu;
        for (uint32_t set = 0; set <= last_set; set++) {
            for (uint32_t way = 0; way <= last_way; way++) {
                TD_DCISW = (set << 5) | (way << 30);
            }
        }
        td_barrier();
        TD_CCR |= TD_CCR_DATA_CACHE;
        td_barrier();
    }
}
#endif

typedef void (*td_vector)(void);

/* Aligned as the largest table has to be: to its size, rounded up to a power of two. */
__attribute__((section(".vectors"), used, aligned(TD_NUM_INTERRUPTS ? 1024 : 128))) static const struct {
    uint32_t *stack;
    td_vector handlers[15 + TD_NUM_INTERRUPTS];
} td_vectors = {
    td_stack_top,
    {td_reset, td_fault, td_hard_fault, td_hard_fault, td_hard_fault, td_hard_fault, td_hard_fault,
     td_fault, td_fault, td_fault, TD_HANDLER, td_fault, td_fault, TD_HANDLER,
     [14 ... 14 + TD_NUM_INTERRUPTS] = TD_HANDLER},
};

TD_STARTUP __attribute__((noreturn)) void td_start(void)
{
    TD_VTOR = (uint32_t)&td_vectors;
    /* Before any floating point instruction, also those the compiler moves data with. */
    TD_CPACR |= TD_FPU_FULL_ACCESS;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#ifdef TD_CACHES
    td_enable_caches();
#endif

    const uint32_t *from = td_data_load;
    for (volatile uint32_t *to = td_data_begin; to < td_data_end; to++, from++) {
        *to = *from;
    }
    from = td_kernels_load;
    for (volatile uint32_t *to = td_kernels_begin; to != from && to < td_kernels_end; to++, from++) {
        *to = *from;
    }
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    for (volatile uint32_t *to = td_bss_begin; to < td_bss_end; to++) {
        *to = 0;
    }
    (void)main();
    td_halt();
}

/* The stack pointer is set here too: a debugger that loads the program into RAM starts it by its
 * entry, not by its vectors. Cores that can, watch the lower end of the stack. */
TD_STARTUP __attribute__((naked, noreturn)) void td_reset(void)
{
    __asm__ volatile(
#if __ARM_ARCH >= 8
        "movs r0, #0\n\t"
        "msr msplim, r0\n\t"
#endif
        "movw r0, #:lower16:td_stack_top\n\t"
        "movt r0, #:upper16:td_stack_top\n\t"
        "mov sp, r0\n\t"
#if __ARM_ARCH >= 8
        "movw r0, #:lower16:td_stack_bottom\n\t"
        "movt r0, #:upper16:td_stack_bottom\n\t"
        "msr msplim, r0\n\t"
#endif
        "b td_start\n\t");
}
