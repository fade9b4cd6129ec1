/* Functions that you can define in a C file in the folder user/. Each replaces a default, which does
 * only what is described here. */
#ifndef TD_BOARD_H
#define TD_BOARD_H

#include <stdint.h>

#include "td_preprocess.h"

/* Called first: set up supply, clocks, flash wait states, external memory, UART, camera. Default:
 * does nothing; the chip runs as it does after reset. */
void td_board_init(void);

/* The camera. Fill in *frame and return 1, or return 0 for the built-in test image (the default).
 * For a buffer of RGB565, low byte first, as a camera interface with DMA leaves it:
 *
 *     int32_t td_camera_frame(td_image *frame)
 *     {
 *         wait_for_frame();
 *         *frame = (td_image){(const uint8_t *)buffer, 240, 320, 2 * 320, TD_RGB565};
 *         return 1;
 *     }
 *
 * For other formats, see td_preprocess.h. The buffer must not lie in the arena. The data cache of a
 * Cortex-M7 or M55 is on: invalidate the buffer's lines, or have the MPU keep it uncached. */
int32_t td_camera_frame(td_image *frame);

/* Writes text, a line or less at a time. Default: semihosting, that is, the console of the debugger
 * or emulator; without one the text is dropped. Your function may write to a UART. */
void td_write(const char *text);

/* Handles an interrupt, given its number in the reference manual (SysTick: -1). Default: stops in
 * td_fault. */
void td_interrupt(int32_t number);

#endif
