/* Calls that a debugger or an emulator answers (Arm semihosting): text to its console, the end. */
#ifndef TD_SEMIHOSTING_H
#define TD_SEMIHOSTING_H

#include <stdint.h>

#define TD_SYS_WRITE0 0x04u
#define TD_SYS_EXIT 0x18u
#define TD_EXIT_SUCCESS 0x20026u /* ADP_Stopped_ApplicationExit */
#define TD_EXIT_FAILURE 0x20023u /* ADP_Stopped_RunTimeErrorUnknown */

static inline void td_semihosting(uint32_t operation, uint32_t parameter)
{
    register uint32_t r0 __asm__("r0") = operation;
    register uint32_t r1 __asm__("r1") = parameter;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

#endif
