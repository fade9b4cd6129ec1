/* Counts undefined behaviour instead of ending the process: the handlers that
 * -fsanitize-minimal-runtime calls. Any count is an error; the kinds are told by a bit each. */
#include <stdint.h>

uint32_t td_ubsan_count;
uint32_t td_ubsan_kinds;

#define TD_HANDLER(bit, kind)                  \
    void __ubsan_handle_##kind##_minimal(void); \
    void __ubsan_handle_##kind##_minimal(void)  \
    {                                           \
        td_ubsan_count++;                       \
        td_ubsan_kinds |= 1u << (bit);          \
    }

TD_HANDLER(0, type_mismatch)
TD_HANDLER(1, alignment_assumption)
TD_HANDLER(2, add_overflow)
TD_HANDLER(3, sub_overflow)
TD_HANDLER(4, mul_overflow)
TD_HANDLER(5, negate_overflow)
TD_HANDLER(6, divrem_overflow)
TD_HANDLER(7, shift_out_of_bounds)
TD_HANDLER(8, out_of_bounds)
TD_HANDLER(9, local_out_of_bounds)
TD_HANDLER(10, builtin_unreachable)
TD_HANDLER(11, missing_return)
TD_HANDLER(12, vla_bound_not_positive)
TD_HANDLER(13, float_cast_overflow)
TD_HANDLER(14, load_invalid_value)
TD_HANDLER(15, invalid_builtin)
TD_HANDLER(16, nonnull_arg)
TD_HANDLER(17, nonnull_return)
TD_HANDLER(18, pointer_overflow)
