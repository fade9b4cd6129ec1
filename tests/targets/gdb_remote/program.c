/* A small program with the interface of the self-test firmware. CASE says how it goes. */
#include <stdint.h>

#define PASS 0
#define DIFFER 1
#define FAULT 2
#define LOOP 3
#define SILENT 4

__attribute__((used)) struct {
    uint32_t magic;
    int32_t status, first_bad_operator;
    uint32_t cycles, stack_bytes;
    int32_t num_detections, num_operators;
    uint32_t cycles_high;
    const char *first_bad_name;
} td_self_test_result;

/* Larger than a packet, with every byte that has to be escaped. */
__attribute__((used)) const uint8_t td_table[5000] = {'$', '#', '}', '*', 3, [4000] = '*', 42, 42, 42};
__attribute__((used)) uint32_t td_initialised = 7;

void td_finished(void);

static void write_text(const char *text)
{
#ifdef SEMIHOSTING
    register uint32_t r0 __asm__("r0") = 4;
    register uint32_t r1 __asm__("r1") = (uint32_t)text;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
#else
    (void)text;
#endif
}

__attribute__((noinline, used)) void td_finished(void)
{
    for (;;) {
        __asm__ volatile("nop");
    }
}

__attribute__((noinline, used)) void td_broken_kernel(void)
{
    __asm__ volatile("udf #0");
}

__attribute__((noinline, used)) void td_endless_kernel(void)
{
    for (;;) {
        __asm__ volatile("nop");
    }
}

int main(void)
{
    /* Before anything: an image that is reset must not show the result of the run before. */
    td_self_test_result.magic = 0;
    __asm__ volatile("" ::: "memory");
    write_text("boxes: 3\n");
    if (CASE == FAULT) td_broken_kernel();
    volatile int32_t goes = CASE; /* not known to the compiler, which else drops what follows */
    if (goes == LOOP) td_endless_kernel();
    if (goes == SILENT) td_finished();
    uint32_t sum = 0;
    for (uint32_t i = 0; i < sizeof(td_table); i++) sum += td_table[i];
    td_self_test_result.magic = 0x54445354;
    td_self_test_result.status = CASE == DIFFER ? 1 : 0;
    td_self_test_result.first_bad_operator = CASE == DIFFER ? 12 : -1;
    td_self_test_result.cycles = 1000 + sum + td_initialised;
    td_self_test_result.stack_bytes = 248;
    td_self_test_result.num_detections = 3;
    td_self_test_result.num_operators = 20;
    td_self_test_result.cycles_high = 1;
    td_self_test_result.first_bad_name = CASE == DIFFER ? "block_3_expand" : 0;
    td_finished();
    return 0;
}
