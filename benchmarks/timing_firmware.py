"""A benchmark firmware for an STM32 in the emulator: serial port, clocks that are ready at once."""

import importlib
import struct
from collections import Counter
from collections.abc import Callable
from typing import Any

unicorn: Any = importlib.import_module("unicorn")
arm_const: Any = importlib.import_module("unicorn.arm_const")

FLASH_BEGIN = 0x0800_0000
MEMORIES = (
    (0x0000_0000, 0x10_0000), (FLASH_BEGIN, 0x40_0000), (0x0C00_0000, 0x40_0000),
    (0x1000_0000, 0x10_0000), (0x2000_0000, 0x40_0000), (0x2400_0000, 0x20_0000),
    (0x3000_0000, 0x40_0000), (0x3800_0000, 0x10_0000), (0xE000_0000, 0x10_0000),
)  # fmt: skip
PERIPHERALS, PERIPHERAL_BYTES = (0x4000_0000, 0x5000_0000), 0x1000_0000
# Registers of the clock control: address of CR, offset of CFGR, place and mask of the switch.
CLOCKS = {
    0x4002_1000: (0x08, 2, 3),  # STM32L4
    0x4602_0C00: (0x1C, 2, 3),  # STM32U5
    0x5802_4400: (0x10, 3, 7),  # STM32H7
    0x4002_3800: (0x08, 2, 3),  # STM32F7
}
UARTS = (
    0x4000_4400, 0x4000_4800, 0x4000_8000, 0x4001_1000, 0x4001_3800, 0x4600_2400, 0x5800_0C00,
)  # fmt: skip
STATUS, RECEIVED, SENT = 0x1C, 0x24, 0x28
IDLE, CHARACTER = 0x0060_00C0, 0x0060_00E0
RECEIVE_INTERRUPTS = (37, 39, 61, 66, 70)
TICK_VECTOR = 15
RETURN = 0x000F_FF00  # where called handlers return to
ENABLED_READY = 0x1501_1191  # oscillators whose ready bit lies above the one that enables them
TIMESTAMP, READY = b"m-lap-us-", b"m-ready"
BOOT_SLICES, BOOT_SLICE_US, TICKS = 12, 300_000, 40
MAX_POLLS = 4


class FirmwareBoard:
    """The firmware and what it sees.

    Args:
        core: ``cortex-m4``, ``cortex-m7`` or ``cortex-m33``.
        image: Raw image for the begin of the flash.
    """

    def __init__(self, core: str, image: bytes) -> None:
        self.engine: Any = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
        name = core.upper().replace("-", "_")
        self.engine.ctl_set_cpu_model(getattr(arm_const, f"UC_CPU_ARM_{name}"))
        for begin, size in MEMORIES:
            self.engine.mem_map(begin, size)
        self.engine.mem_write(FLASH_BEGIN, image)
        for begin in PERIPHERALS:
            self.engine.mmio_map(begin, PERIPHERAL_BYTES, self._read, begin, self._write, begin)
        self._vectors = struct.unpack("<160I", image[:640])
        unused = Counter(self._vectors[16:]).most_common(1)[0][0]
        wanted = (self._vectors[16 + number] for number in RECEIVE_INTERRUPTS)
        self._receive = next(vector for vector in wanted if vector not in (0, unused))
        self._registers: dict[int, int] = {}
        self._input, self.output = bytearray(), bytearray()
        self._polled, self._polls = 0, 0
        self.on_timestamp: Callable[[], None] | None = None

    def read(self, address: int, size: int) -> bytes:
        """Memory."""
        return bytes(self.engine.mem_read(address, size))

    def boot(self) -> None:
        """Start, until the firmware says that it is ready."""
        self.engine.reg_write(arm_const.UC_ARM_REG_SP, self._vectors[0])
        place = self._vectors[1]
        for _ in range(BOOT_SLICES):
            self.engine.emu_start(place | 1, 0, timeout=BOOT_SLICE_US)
            place = self.engine.reg_read(arm_const.UC_ARM_REG_PC)
            if READY in self.output:
                return
            for _ in range(TICKS):  # it may wait for time to pass
                self._call(self._vectors[TICK_VECTOR])
        raise RuntimeError("the firmware does not start")

    def infer(self, count: int) -> None:
        """Run some inferences between two timestamps."""
        for character in f"infer {count} 0%".encode():
            self._input.append(character)
            self._call(self._receive)
            self._input.clear()

    def _call(self, handler: int) -> None:
        context = self.engine.context_save()
        stack = self.engine.reg_read(arm_const.UC_ARM_REG_SP)
        self.engine.reg_write(arm_const.UC_ARM_REG_SP, (stack - 64) & ~7)
        self.engine.reg_write(arm_const.UC_ARM_REG_LR, RETURN | 1)
        self.engine.emu_start(handler | 1, RETURN)
        self.engine.context_restore(context)

    def _read(self, _engine: Any, offset: int, _size: int, base: int) -> int:
        address = base + offset
        value = self._registers.get(address & ~3, 0)
        uart = next((u for u in UARTS if u <= address & ~0x1000_0000 < u + 0x400), None)
        uart = uart or next((u for u in UARTS if u <= address < u + 0x400), None)
        if uart is not None:
            return self._uart(address & 0x3FF, value)
        for control, (configuration, place, mask) in CLOCKS.items():
            if address in (control, control + 0x1000_0000):
                value = self._registers.get(address, 1)
                return value | (value & ENABLED_READY) << 1 | (value & 0x101) << 2
            if address in (control + configuration, control + configuration + 0x1000_0000):
                return value & ~(mask << place) | (value & mask) << place
        return self._poll(address, value)

    def _uart(self, register: int, value: int) -> int:
        if register == STATUS:
            return CHARACTER if self._input else IDLE
        if register == RECEIVED:
            return self._input.pop(0) if self._input else 0
        return value

    def _poll(self, address: int, value: int) -> int:
        """What is read again and again is waited for: all bits set, then none, in turn."""
        self._polls = self._polls + 1 if address == self._polled else 0
        self._polled = address
        if self._polls <= MAX_POLLS:
            return value
        return 0xFFFF_FFFF if self._polls // 3 % 2 else 0

    def _write(self, _engine: Any, offset: int, _size: int, value: int, base: int) -> None:
        address, self._polled = base + offset, 0
        self._registers[address & ~3] = value
        if any(address & ~0x1000_0000 == u + SENT or address == u + SENT for u in UARTS):
            self.output.append(value & 0xFF)
            if self.output.endswith(TIMESTAMP) and self.on_timestamp:
                self.on_timestamp()
