/* Text for people and programs, through td_write() of board.h. */
#ifndef TD_OUTPUT_H
#define TD_OUTPUT_H

#include <stdint.h>

#include "td_boxes.h"

void td_print(const char *text);
void td_print_number(int32_t value);
void td_print_hex(const void *bytes, int32_t count);

/* For each detection "person 87.3 % (12, 30) - (98, 186)": class, score, corners in pixels of an
 * image of this size; then a line for programs: "#td detection " and its bytes in hexadecimal. */
void td_print_detections(const td_detection *detections, int32_t count,
                         const char *const *class_names, int32_t height, int32_t width);

/* The end: tells the debugger or emulator, then waits for ever. A place for a breakpoint. */
__attribute__((noreturn)) void td_finished(int32_t success);

#endif
