"""Cortex-M4 and Cortex-M33: one instruction after the other.

Sources:
    [TRM4] Arm, Cortex-M4 Technical Reference Manual, DDI 0439, "Instruction set summary" and
        "Load/store timings", https://developer.arm.com/documentation/ddi0439
    [PIPE] J. (jnk0le), measurements of Cortex-M pipelines on an STM32F407 (M4) and an RP2350 (M33),
        https://github.com/jnk0le/random/tree/master/pipeline%20cycle%20test
    [KA] Arm, knowledge article ka001260, https://developer.arm.com/documentation/ka001260
"""

from collections.abc import Sequence

from tinydet.targets.timing.instructions import FLAGS, Instruction

# [TRM4]: 2 to 12, it ends early when the quotient is short. No kernel divides in a loop.
M4_DIV_CYCLES, M4_FP_DIV_CYCLES, M4_FP_MAC_CYCLES = 6, 14, 3
# [TRM4]: a taken branch costs 1 + P, P of 1 to 3 for filling the pipeline; the shortest where the
# target is known from the instruction itself ("whether the processor manages to speculate the
# address early"), one more where it comes from a register or from memory.
M4_REFILL_CYCLES, M4_INDIRECT_REFILL_CYCLES = 1, 2
M33_DIV_CYCLES = 6  # not published; as the M4
M33_INDIRECT_CYCLES, M33_POP_PC_CYCLES = 2, 2  # [PIPE] names 1 to 2 more than `bx lr`


class CortexM4:
    """Three stages, no cache, no prediction: [TRM4] corrected by what [PIPE] measured."""

    width = 1
    unaligned_cycles = 1.0  # [TRM4]: split into two accesses

    def finish(self, code: Sequence[Instruction], taken_at: int) -> float:
        """See ``Pipeline.finish``."""
        cycles = 0.0
        for k, instruction in enumerate(code):
            before = code[k - 1] if k else None
            cycles += self._alone(instruction, before)
            if before:
                cycles += self._stall(before, instruction)
                cycles += self._refill(before, instruction) if taken_at and k == taken_at else 0
        return cycles

    def extremes(self) -> None:
        """See ``Pipeline.extremes``: it was checked."""

    def missed_cycles(self, _before: Sequence[Instruction], /) -> float:
        """Nothing is predicted: every taken branch fills the pipeline again."""
        return 0.0

    def _alone(self, instruction: Instruction, before: Instruction | None) -> float:
        kind = instruction.kind
        if kind in ("load_many", "store_many"):
            return 1 + instruction.count  # [TRM4]
        if kind == "it":  # [TRM4]: folded away behind an instruction of 16 bits
            return 0 if before and before.narrow else 1
        if kind == "nop":  # [PIPE]: a load swallows the nop behind it
            return 0 if before and before.kind == "load" else 1
        if kind == "store" and instruction.register_offset:
            return 2  # [PIPE]
        return _M4_CYCLES.get(kind, 1)

    def _stall(self, before: Instruction, instruction: Instruction) -> float:
        """What an instruction waits for the one before it."""
        stall = 0.0
        pipelined = instruction.kind == "load" or (
            instruction.kind == "store" and not instruction.register_offset
        )
        if before.kind == "load" and not pipelined and instruction.kind != "nop":
            stall += 1  # [TRM4]: 2 cycles, unless a load or store follows
        if before.kind == "store" and instruction.loads:
            stall += 1  # [PIPE]
        if before.base_update is not None and before.base_update == instruction.base:
            stall += 1  # [PIPE]: post- and pre-indexed on one base cannot be chained
        elif instruction.early & before.writes and instruction.kind in ("load", "store"):
            stall += 1  # [PIPE]: the address is needed a cycle earlier
        if before.floating and before.kind != "fp_move" and before.writes & instruction.reads:
            stall += 1  # [TRM4], FPU: a result is there a cycle later
        return stall

    def _refill(self, branch: Instruction, target: Instruction) -> float:
        known = branch.kind in ("branch", "call")
        refill = M4_REFILL_CYCLES if known else M4_INDIRECT_REFILL_CYCLES
        # [TRM4]: P depends on alignment and width of the target.
        return refill + (1 if target.size_bytes == 4 and target.address % 4 else 0)


_M4_CYCLES = {"div": M4_DIV_CYCLES, "fp_div": M4_FP_DIV_CYCLES, "fp_mac": M4_FP_MAC_CYCLES}


class CortexM33:
    """In order, a branch or nop beside an instruction of 16 bits; all from [PIPE]."""

    width = 1
    unaligned_cycles = 1.0

    def finish(self, code: Sequence[Instruction], taken_at: int) -> float:
        """See ``Pipeline.finish``."""
        ready: dict[int, float] = {}
        cycles = 0.0  # when the next instruction can begin
        for k, instruction in enumerate(code):
            before = code[k - 1] if k else None
            if taken_at and k == taken_at and before:
                cycles += self._taken(before, code[k - 2] if k > 1 else None)
            begin = max([cycles, *(ready.get(r, 0.0) - early for r, early in _needs(instruction))])
            for register in instruction.writes:
                ready[register] = begin + self._latency(instruction, register)
            cycles = begin + self._occupies(instruction, before)
        return cycles

    def extremes(self) -> None:
        """See ``Pipeline.extremes``: it was checked."""

    def missed_cycles(self, _before: Sequence[Instruction], /) -> float:
        """Every taken branch costs the same."""
        return 0.0

    def _occupies(self, instruction: Instruction, before: Instruction | None) -> float:
        kind = instruction.kind
        beside = before is not None and before.narrow and not before.sets_pc
        if kind in ("load_many", "store_many"):
            return instruction.count
        if kind == "it" or (instruction.narrow and kind in ("branch", "nop") and beside):
            return 0
        two = kind == "mac" or (kind == "alu" and instruction.shifted and not instruction.early)
        if two and FLAGS in instruction.writes:
            return 2  # [KA], [PIPE]: muls, and flags of shifted constants
        return _M33_CYCLES.get(kind, 1)

    def _latency(self, instruction: Instruction, register: int) -> float:
        kind = instruction.kind
        if kind == "load_many":
            return instruction.count + 1
        if kind == "load":
            return 1 if register == instruction.base_update else 2
        if kind in ("fp", "fp_mac"):
            return 2 if kind == "fp" else 3
        slow_bits = kind == "bits" and not instruction.name.startswith(_ONE_STAGE)
        return 2 if kind == "mac" or instruction.shifted or slow_bits else 1

    def _taken(self, branch: Instruction, before: Instruction | None) -> float:
        """Cycles of a taken branch beyond what it occupies when not taken."""
        if branch.loads:
            return M33_POP_PC_CYCLES
        if branch.kind == "indirect":
            return M33_INDIRECT_CYCLES
        beside = before is not None and before.narrow and branch.narrow
        if not beside:
            return 1
        return 2 if before and FLAGS in before.writes else 1


_M33_CYCLES = {"div": M33_DIV_CYCLES, "fp_div": 14, "fp_mac": 1}
_ONE_STAGE = ("bfi", "bfc", "ubfx", "sbfx", "sxtb", "sxth", "uxtb", "uxth", "rev", "rbit", "clz")


def _needs(instruction: Instruction) -> list[tuple[int, float]]:
    """Registers read, and how much later than the others they are needed."""
    plain = instruction.early | instruction.late
    return [(r, 0.0) for r in plain] + [
        (r, 1.0) for r in instruction.accumulator | instruction.data
    ]
