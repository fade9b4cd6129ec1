#include "output.h"

#include "board.h"
#include "semihosting.h"

#define TD_LINE_BYTES 120

static char td_line[TD_LINE_BYTES + 1];
static int32_t td_line_length;

__attribute__((weak)) void td_write(const char *text)
{
    td_semihosting(TD_SYS_WRITE0, (uint32_t)text);
}

/* A call of the debugger takes milliseconds: characters are collected to lines. */
static void td_print_character(char character)
{
    td_line[td_line_length++] = character;
    if (character == '\n' || td_line_length == TD_LINE_BYTES) {
        td_line[td_line_length] = '\0';
        td_line_length = 0;
        td_write(td_line);
    }
}

void td_print(const char *text)
{
    for (; *text != '\0'; text++) {
        td_print_character(*text);
    }
}

void td_print_number(int32_t value)
{
    char digits[10];
    int32_t count = 0;
    uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    if (value < 0) {
        td_print_character('-');
    }
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    while (count > 0) {
        td_print_character(digits[--count]);
    }
}

void td_print_hex(const void *bytes, int32_t count)
{
    for (const uint8_t *byte = bytes; count > 0; byte++, count--) {
        td_print_character("0123456789abcdef"[*byte >> 4]);
        td_print_character("0123456789abcdef"[*byte & 15]);
    }
}

/* To the nearest pixel; corners are not negative. */
static void td_print_corner(float x, float y, int32_t height, int32_t width)
{
    td_print("(");
    td_print_number((int32_t)(x * (float)width + 0.5f));
    td_print(", ");
    td_print_number((int32_t)(y * (float)height + 0.5f));
    td_print(")");
}

void td_print_detections(const td_detection *detections, int32_t count,
                         const char *const *class_names, int32_t height, int32_t width)
{
    for (const td_detection *d = detections; d < detections + count; d++) {
        const int32_t permille = (int32_t)(d->score * 1000.0f + 0.5f);
        td_print(class_names[d->class_id]);
        td_print(" ");
        td_print_number(permille / 10);
        td_print(".");
        td_print_number(permille % 10);
        td_print(" % ");
        td_print_corner(d->x_min, d->y_min, height, width);
        td_print(" - ");
        td_print_corner(d->x_max, d->y_max, height, width);
        td_print("\n#td detection ");
        td_print_hex(d, (int32_t)sizeof(*d));
        td_print("\n");
    }
    td_print("#td detections ");
    td_print_number(count);
    td_print("\n");
}

__attribute__((noinline, noreturn)) void td_finished(int32_t success)
{
    td_semihosting(TD_SYS_EXIT, success ? TD_EXIT_SUCCESS : TD_EXIT_FAILURE);
    for (;;) {
        __asm__ volatile("nop");
    }
}
