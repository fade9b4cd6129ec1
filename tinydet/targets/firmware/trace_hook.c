/* Hands what a build with TD_TRACE reports to whoever loaded it. */
#include <stdint.h>

void (*td_trace_hook)(const char *op, const void *output, int32_t output_bytes);

void td_trace(const char *op, const void *output, int32_t output_bytes);

void td_trace(const char *op, const void *output, int32_t output_bytes)
{
    if (td_trace_hook != 0) {
        td_trace_hook(op, output, output_bytes);
    }
}
