"""Thumb machine code to instructions, by capstone.

Its lists of registers read and written lack some of the DSP instructions' in version 5; they follow
from the operands here.
"""

import importlib
from collections.abc import Sequence
from typing import Any

from tinydet.targets.timing.instructions import FLAGS, Instruction, Kind
from tinydet.targets.timing.vector_decoder import Registers, decode_vector, is_wide
from tinydet.targets.toolchain import require_package

# Bit fields, extensions, packing, parallel and saturating arithmetic.
_BITS = (
    "sxt", "uxt", "ubfx", "sbfx", "bfi", "bfc", "pkh", "rev", "rbit", "clz", "sel", "ssat", "usat",
    "qadd", "qsub", "qdadd", "qdsub", "qasx", "qsax", "uq", "sadd", "ssub", "uadd", "usub", "shadd",
    "shsub", "uhadd", "uhsub", "sasx", "ssax", "uasx", "usax", "shasx", "shsax", "uhasx", "uhsax",
    "usad",
)  # fmt: skip
# Those of them whose operand goes through the shifter in front of the arithmetic unit.
_EARLY_BITS = ("ubfx", "sbfx", "rbit", "rev", "ssat", "usat", "qdadd", "qdsub")
_EARLY_LAST = ("bfi", "pkh", "sxta", "uxta")  # only the last register does
_MAC = ("mul", "mla", "mls", "sml", "smm", "smu", "umull", "umlal", "umaal", "smull", "smlal")
_ACCUMULATES = ("mla", "mls", "sml", "smml", "umlal", "umaal", "smlal")
_SHIFTS = ("lsl", "lsr", "asr", "ror", "rrx")
# Their result goes to the first register without reading it, when they have two operands.
_MOVES = ("mov", "mvn", "rev", "clz", "sxt", "uxt", "rbit", "adr", "rrx", "vmov", "vcvt", "vabs",
          "vneg", "vsqrt", "vrint", "vmrs", "mrs", "ssat", "usat", "ubfx", "sbfx")  # fmt: skip
_COMPARES = ("cmp", "cmn", "tst", "teq", "vcmp", "vmsr", "msr", "pld", "cbz", "cbnz", "b", "bx",
            "blx",
             "bl", "tbb", "tbh")  # fmt: skip
_READS_RESULT = ("bfi", "bfc", "movt", "vfma", "vfms", "vmla", "vmls", "vfnma", "vfnms")
_DOWNWARD = ("push", "vpush", "stmdb", "ldmdb", "vstmdb", "vldmdb")


class Decoder:
    """Machine code to instructions.

    Args:
        m_profile_v8: The core has the instructions of ARMv8-M.
        helium: It has those of Armv8.1-M with its vector extension.

    Raises:
        MissingToolError: capstone is not installed.
    """

    def __init__(self, *, m_profile_v8: bool = False, helium: bool = False) -> None:
        require_package("capstone", "estimating cycles")
        self._arm: Any = importlib.import_module("capstone.arm")
        capstone: Any = importlib.import_module("capstone")
        mode = capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS
        mode |= capstone.CS_MODE_V8 if m_profile_v8 else 0
        self._engine: Any = capstone.Cs(capstone.CS_ARCH_ARM, mode)
        self._engine.detail = True
        self._engine.skipdata = True  # what it does not know counts as a plain instruction
        general = [self._arm.ARM_REG_R0 + k for k in range(13)]
        general += [self._arm.ARM_REG_SP, self._arm.ARM_REG_LR, self._arm.ARM_REG_PC]
        self._registers = Registers(tuple(general), self._arm.ARM_REG_Q0) if helium else None

    def decode(self, code: bytes, address: int) -> tuple[Instruction, ...]:
        """The instructions of a block.

        Args:
            code: Its bytes.
            address: Where it lies.
        """
        if self._registers is None:
            return self._known(code, address)
        decoded: list[Instruction] = []
        begin = at = 0  # of what is not Helium, and of the next instruction
        while at < len(code):
            size = 4 if is_wide(int.from_bytes(code[at : at + 2], "little")) else 2
            halves = code[at : at + 2], code[at + 2 : at + 4]
            word = int.from_bytes(halves[0], "little") << 16 | int.from_bytes(halves[1], "little")
            found = decode_vector(word, address + at, self._registers) if size == 4 else None
            if found is not None:
                decoded += [*self._known(code[begin:at], address + begin), found]
                begin = at + size
            at += size
        return (*decoded, *self._known(code[begin:], address + begin))

    def _known(self, code: bytes, address: int) -> tuple[Instruction, ...]:
        """What capstone knows."""
        decoded, covered = [], 0
        for raw in self._engine.disasm(code, address):
            decoded.append(self._instruction(raw, covered > 0))
            if raw.id and raw.mnemonic.startswith("it"):
                covered = len(raw.mnemonic.split(".")[0]) - 1
            elif covered:
                covered -= 1
        return tuple(decoded)

    def _instruction(self, raw: Any, covered: bool) -> Instruction:
        if not raw.id:
            return Instruction(raw.address, raw.size, raw.mnemonic, "special")
        name = raw.insn_name()
        kind = _kind(name, raw, self._arm)
        uses_flags = raw.cc not in (self._arm.ARM_CC_INVALID, self._arm.ARM_CC_AL)
        flags = frozenset([FLAGS]) if uses_flags or covered else frozenset()
        if kind in ("load", "store", "load_many", "store_many"):
            return self._memory(raw, name, kind, flags, covered)
        operands = [op for op in raw.operands if op.type == self._arm.ARM_OP_REG]
        registers = [self._register(op.reg) for op in operands]
        # The rotation of an extension without addition is done where the extension is.
        extends = name.startswith(("sxt", "uxt")) and len(operands) == 2
        rotates = any(op.shift.type and op.shift.value for op in operands)
        shifted = rotates and kind != "shift" and not extends
        early = self._early(name, kind, operands, shifted)
        accumulator = _accumulator(name, registers)
        reads, writes = _data_flow(name, registers, len(raw.operands))
        sets_flags = raw.update_flags or name in ("cmp", "cmn", "tst", "teq")
        return Instruction(
            raw.address,
            raw.size,
            name,
            kind,
            early=early,
            late=(reads | flags) - early - accumulator,
            accumulator=accumulator,
            writes=writes | (frozenset([FLAGS]) if sets_flags else frozenset()),
            shifted=shifted or (kind == "alu" and _has_shifted_constant(raw, self._arm)),
            conditional=covered or (kind == "branch" and (uses_flags or name != "b")),
            sets_pc=kind in ("branch", "call", "indirect")
            or self._register(self._arm.ARM_REG_PC) in writes,
            sum_of=self._sum(raw, name, registers),
        )

    def _sum(self, raw: Any, name: str, registers: Sequence[int]) -> tuple[int, int] | None:
        """What an addition of a constant, or a move, computes."""
        constants = [op.imm for op in raw.operands if op.type == self._arm.ARM_OP_IMM]
        if name == "mov" and len(registers) == 2 and not raw.operands[1].shift.type:
            return registers[1], 0
        plain = name in ("add", "addw", "sub", "subw") and len(raw.operands) == len(registers) + 1
        if not plain or len(constants) != 1:
            return None
        sign = 1 if name.startswith("add") else -1
        return registers[-1], sign * int(constants[0])

    def _early(
        self, name: str, kind: Kind, operands: Sequence[Any], shifted: bool
    ) -> frozenset[int]:
        registers = [self._register(op.reg) for op in operands]
        if kind == "indirect":
            return frozenset(registers)
        if name.startswith(_EARLY_BITS) and kind == "bits":
            return frozenset(registers[1:])
        if name.startswith(_EARLY_LAST):
            return frozenset(registers[-1:])
        if shifted:
            return frozenset(r for r, op in zip(registers, operands, strict=True) if op.shift.type)
        return frozenset()

    def _memory(
        self, raw: Any, name: str, kind: Kind, flags: frozenset[int], conditional: bool
    ) -> Instruction:
        memory = [op.mem for op in raw.operands if op.type == self._arm.ARM_OP_MEM]
        listed = [self._register(op.reg) for op in raw.operands if op.type == self._arm.ARM_OP_REG]
        if memory:
            base = self._register(memory[0].base)
            index = self._register(memory[0].index) if memory[0].index else None
            moved, offset = listed, memory[0].disp
        else:  # ldm, stm, push, pop: the base is named first, or is the stack pointer
            stack = name in ("push", "pop", "vpush", "vpop")
            base = self._register(self._arm.ARM_REG_SP) if stack else listed[0]
            index, offset, moved = None, 0, listed if stack else listed[1:]
        update = raw.writeback or name in ("push", "pop", "vpush", "vpop")
        loads = kind in ("load", "load_many")
        pc = self._register(self._arm.ARM_REG_PC)
        return Instruction(
            raw.address,
            raw.size,
            name,
            kind,
            early=frozenset(r for r in (base, index) if r is not None and r != pc),
            late=flags,
            data=frozenset() if loads else frozenset(moved),
            writes=frozenset(moved if loads else ()) | frozenset([base] if update else ()),
            base_update=base if update and base not in moved else None,
            count=_words(name, len(moved)),
            access_bytes=_access_bytes(name),
            conditional=conditional,
            register_offset=index is not None,
            base=base,
            offset=offset,
            sets_pc=loads and pc in moved,
            index=index,
            index_shift=memory[0].lshift if memory else 0,
            base_step=self._step(raw, name, memory, len(moved)) if update else 0,
            post_indexed=bool(raw.post_index) or (not memory and name not in _DOWNWARD),
        )

    def _step(self, raw: Any, name: str, memory: Sequence[Any], count: int) -> int:
        """By how much the base register moves on."""
        if not memory:
            return -4 * count if name in _DOWNWARD else 4 * count
        constants = [op.imm for op in raw.operands if op.type == self._arm.ARM_OP_IMM]
        return int(constants[-1]) if constants else int(memory[0].disp)

    def _register(self, number: int) -> int:
        """Double registers are counted as the first of their two single ones."""
        if number in (self._arm.ARM_REG_CPSR, self._arm.ARM_REG_FPSCR, self._arm.ARM_REG_APSR_NZCV):
            return FLAGS
        first = self._arm.ARM_REG_D0
        if first <= number <= first + 15:
            single: int = self._arm.ARM_REG_S0 + 2 * (number - first)
            return single
        return number


def _kind(name: str, raw: Any, arm: Any) -> Kind:
    if name.startswith("v"):
        return _fp_kind(name)
    for begins, kind in _KINDS:
        if name.startswith(begins):
            return kind
    if name in ("b", "cbz", "cbnz"):
        return "branch"
    if name in ("bl", "blx") and raw.operands[0].type == arm.ARM_OP_IMM:
        return "call"
    if name in ("bx", "blx", "tbb", "tbh"):
        return "indirect"
    wide_move = name == "mov" and any(
        op.type == arm.ARM_OP_REG and op.shift.type for op in raw.operands
    )
    return "shift" if wide_move else "alu"


_KINDS: tuple[tuple[tuple[str, ...], Kind], ...] = (
    (("it",), "it"),
    (("nop", "hint"), "nop"),
    (("ldm", "pop", "ldrd"), "load_many"),
    (("stm", "push", "strd"), "store_many"),
    (("ldr", "pld"), "load"),
    (("str",), "store"),
    (("sdiv", "udiv"), "div"),
    (_MAC, "mac"),
    (_BITS, "bits"),
    (_SHIFTS, "shift"),
    (("mrs", "msr", "cps", "dsb", "dmb", "isb", "svc", "bkpt", "wf", "sev", "tt", "sg"), "special"),
)


def _fp_kind(name: str) -> Kind:
    for begins, kind in (
        (("vldm", "vpop"), "load_many"),
        (("vstm", "vpush"), "store_many"),
        (("vldr",), "load"),
        (("vstr",), "store"),
        (("vfma", "vfms", "vmla", "vmls", "vnmla", "vnmls", "vfnma", "vfnms"), "fp_mac"),
        (("vdiv", "vsqrt"), "fp_div"),
        (("vmov", "vmrs", "vmsr"), "fp_move"),
    ):
        if name.startswith(begins):
            return kind  # type: ignore[return-value]  # the literals of the table
    return "fp"


def _data_flow(
    name: str, registers: Sequence[int], num_operands: int
) -> tuple[frozenset[int], frozenset[int]]:
    """``(registers read, registers written)``, from the operands as they are written."""
    if name in _COMPARES or name.startswith(("vcmp",)):
        return frozenset(registers), frozenset()
    results = 2 if name.startswith(("smull", "umull", "smlal", "umlal", "umaal", "smlsl")) else 1
    read = registers[results:]
    in_place = num_operands == 2 and not name.startswith(_MOVES)
    if in_place or name.startswith(_READS_RESULT):
        read = registers
    return frozenset(read), frozenset(registers[:results])


def _accumulator(name: str, registers: Sequence[int]) -> frozenset[int]:
    if name.startswith(("umlal", "umaal", "smlal", "smlsl")):
        return frozenset(registers[:2])
    if name.startswith(("vfma", "vfms", "vmla", "vmls", "vfnma", "vfnms")):
        return frozenset(registers[:1])
    if name.startswith(_ACCUMULATES) and len(registers) == 4:
        return frozenset(registers[3:])
    return frozenset()


def _has_shifted_constant(raw: Any, arm: Any) -> bool:
    """A constant that is eight bits somewhere else than at the bottom."""
    constants = [op.imm & 0xFFFFFFFF for op in raw.operands if op.type == arm.ARM_OP_IMM]
    if raw.size == 2 or not constants or raw.mnemonic.startswith(("movw", "movt", "addw", "subw")):
        return False
    value = constants[-1]
    repeated = value in ((value & 0xFF) * step for step in (0x00010001, 0x01000100, 0x01010101))
    return value > 0xFF and not repeated


def _words(name: str, registers: int) -> int:
    """Words that go over the bus; a double register of the FPU is not told apart."""
    return 2 if name in ("ldrd", "strd") else max(registers, 1)


def _access_bytes(name: str) -> int:
    if name.startswith(("ldrb", "ldrsb", "strb")):
        return 1
    return 2 if name.startswith(("ldrh", "ldrsh", "strh")) else 4
