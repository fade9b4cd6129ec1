"""A GDB server over an emulated Cortex-M7: udbserver, a stub in Rust that is not of this project.

python unicorn_server.py PORT
"""

import sys

import unicorn
from udbserver import udbserver
from unicorn.arm_const import UC_CPU_ARM_CORTEX_M7

MIB = 1 << 20
WAITING = 0x0020_0000  # where the core stands until the client moves it
BRANCH_TO_ITSELF = bytes.fromhex("fee7")


def main(port):
    uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
    uc.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M7)
    uc.mem_map(0x0000_0000, 4 * MIB)
    uc.mem_map(0x2000_0000, 4 * MIB)
    uc.mem_map(0xE000_0000, 0x1_0000)  # registers of core and debug unit, as plain memory
    uc.mem_write(0xE000_ED00, (0x411FC272).to_bytes(4, "little"))  # CPUID of a Cortex-M7
    uc.mem_write(WAITING, BRANCH_TO_ITSELF)
    udbserver(uc, port, WAITING)
    uc.emu_start(WAITING | 1, 0xFFFF_FFFE)


if __name__ == "__main__":
    main(int(sys.argv[1]))
