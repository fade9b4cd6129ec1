/* Finds the objects of the one image that lies in the arena or in td_input, then stops at
 * td_finished. */
#include TD_MODEL_HEADER

#define TD_STARTUP __attribute__((section(".td_startup"), used))

extern uint8_t td_arena[TD_MODEL_MACRO(ARENA_BYTES)];
#ifdef TD_INPUT_OUTSIDE
extern uint8_t td_input[TD_INPUT_BYTES];
#define TD_RGB td_input
#else
#define TD_RGB 0
#endif
__attribute__((section(".td_detections"), aligned(8), used))
td_detection td_detections[TD_MODEL_MACRO(MAX_DETECTIONS)];
__attribute__((section(".td_detections"), used)) int32_t td_num_detections;

int main(void);
void td_finished(void);

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
