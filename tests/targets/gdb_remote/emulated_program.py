"""What a simulated board runs when it is resumed: the program in its memories, in Unicorn.

Not behind udbserver: hooks on every instruction, with which that stops at breakpoints, break the
conditional blocks of compiled kernels in Unicorn.
"""

import unicorn
from unicorn import arm_const

NAMES = [f"R{i}" for i in range(13)] + ["SP", "LR", "PC"]
REGISTERS = [getattr(arm_const, f"UC_ARM_REG_{name}") for name in NAMES]
PC = 15
STOPPED = b"T05thread:1;"


class EmulatedProgram:
    """The ``program`` of a ``FakeBoard``: runs on until a breakpoint or a ``bkpt``."""

    def __init__(self):
        self._uc = None

    def __call__(self, board):
        uc = self._uc = self._uc or self._start(board)
        for (_, address, _), content in zip(board.memories, board.bytes.values(), strict=True):
            uc.mem_write(address, bytes(content))
        for number, register in zip(board.registers, REGISTERS, strict=False):
            uc.reg_write(register, number)
        hooks = [
            uc.hook_add(unicorn.UC_HOOK_CODE, lambda uc, *_: uc.emu_stop(), begin=at, end=at)
            for at in board.breakpoints
        ]
        uc.ctl_flush_tb()
        uc.emu_start(board.registers[PC] | 1, 0)
        for hook in hooks:
            uc.hook_del(hook)
        for kind, address, size in board.memories:
            if kind == "ram":
                board.bytes[address][:] = uc.mem_read(address, size)
        board.registers[:16] = [uc.reg_read(register) for register in REGISTERS]
        return STOPPED

    def _start(self, board):
        uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
        uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M7)
        for _, address, size in board.memories:
            uc.mem_map(address, size)
        uc.mem_map(0xE000_0000, 0x10_0000)  # registers of core and debug unit, as plain memory
        uc.hook_add(unicorn.UC_HOOK_INTR, lambda uc, *_: uc.emu_stop())
        return uc
