/* Finds the objects of the one image that lies in the arena, then stops at td_finished.
 *
 * TD_INPUT_OUTSIDE: the model takes the image from outside of the arena; it lies in td_rgb then. */
#include TD_MODEL_HEADER

#define TD_STARTUP __attribute__((section(".td_startup"), used))

/* All are written from outside before the image starts: not cleared by the start-up. */
__attribute__((section(".td_arena"), aligned(64), used))
uint8_t td_arena[TD_MODEL_MACRO(ARENA_BYTES)];
#ifdef TD_INPUT_OUTSIDE
__attribute__((section(".td_arena"), aligned(64), used))
uint8_t td_rgb[TD_MODEL_MACRO(INPUT_HEIGHT) * TD_MODEL_MACRO(INPUT_WIDTH) * 3];
#define TD_RGB td_rgb
#else
#define TD_RGB 0
#endif
__attribute__((section(".td_detections"), aligned(8), used))
td_detection td_detections[TD_MODEL_MACRO(MAX_DETECTIONS)];
__attribute__((section(".td_detections"), used)) int32_t td_num_detections;

/* What is called from outside must not be dropped. */
__attribute__((section(".td_startup.entries"), used)) static const void *const td_entries[] = {
#ifndef TD_INPUT_OUTSIDE
    (const void *)TD_MODEL(input),
#endif
    (const void *)TD_MODEL(run),
    (const void *)TD_MODEL(scores),
    (const void *)TD_MODEL(deltas),
};

int main(void);
void td_finished(void);
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

#ifdef TD_SEMIHOSTING
#include "semihosting.h"

static void td_write_hex(const uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const char text[3] = {"0123456789abcdef"[bytes[i] >> 4], "0123456789abcdef"[bytes[i] & 15],
                              '\0'};
        td_semihosting(TD_SYS_WRITE0, (uint32_t)text);
    }
    td_semihosting(TD_SYS_WRITE0, (uint32_t)"\n");
}
#endif

/* With TD_SEMIHOSTING: one line of hexadecimal for each detection on the console, then exit. */
TD_STARTUP __attribute__((noinline)) void td_finished(void)
{
#ifdef TD_SEMIHOSTING
    for (int32_t i = 0; i < td_num_detections; i++) {
        td_write_hex((const uint8_t *)&td_detections[i], sizeof(td_detections[i]));
    }
    td_semihosting(TD_SYS_EXIT, TD_EXIT_SUCCESS);
#endif
    for (;;) {
        __asm__ volatile("nop");
    }
}

TD_STARTUP int main(void)
{
    td_num_detections = TD_MODEL(detect)(TD_RGB, td_arena, td_detections,
                                         TD_MODEL_MACRO(MAX_DETECTIONS));
    td_finished();
    return 0;
}
