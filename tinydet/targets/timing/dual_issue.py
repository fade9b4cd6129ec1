"""Cortex-M7: two instructions in a cycle, in order.

An instruction that issues in cycle c goes through stage EX1 in c, EX2 in c + 1, EX3 in c + 2 and
EX4 in c + 3. Addresses and shifted operands are needed in EX1, other operands in EX2, what is added
to a product in EX3, what is stored in EX4. A result can be used from the stage behind the one that
computed it. Simple additions and moves are computed in EX1 when their operands are there.

Sources:
    [PIPE] jnk0le, measurements on an STM32H743,
        https://github.com/jnk0le/random/tree/master/pipeline%20cycle%20test
    [CM7] Quinapalus, "Cortex-M7 instruction cycle counts, timings, and dual-issue combinations",
        measured on an STM32H730, https://www.quinapalus.com/cm7cycles.html
    [LLVM] llvm/lib/Target/ARM/ARMScheduleM7.td, https://github.com/llvm/llvm-project
    [GCC] gcc/config/arm/cortex-m7.md, https://gcc.gnu.org
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tinydet.targets.timing.instructions import FLAGS, Instruction

EX1, EX2, EX3, EX4 = 0, 1, 2, 3
# [PIPE], [LLVM]: one a cycle, 5 to another instruction, 3 as what the next one adds to.
FP_LATENCY, FP_MAC_LATENCY, FP_ACCUMULATE_EARLY = 3, 5, 2
DIV_CYCLES = 7  # [LLVM]; it ends early when the quotient is short
FP_DIV_CYCLES = 16  # [PIPE], [LLVM]
# [PIPE]: 8, or 6 when the flags were set three cycles before the branch.
MISSED_CYCLES, MISSED_EARLY_CYCLES, EARLY_FLAGS_DISTANCE = 8.0, 6.0, 6
# [PIPE]: two loads go together if they use different banks (even and odd words). Loads with
# different base registers do so in half of all cases.
UNKNOWN_BANKS_CYCLES = 0.5
_EARLY_RESULT = ("add", "sub", "mov", "addw", "subw", "movw", "adr")
_EARLY_ALWAYS = ("ubfx", "sbfx", "rbit", "rev")  # also rev16, revsh: in EX1 or not at all


@dataclass
class _State:
    """Where the schedule stands: cycle of the last instruction, and when results can be used."""

    ready: dict[int, float] = field(default_factory=dict)
    ready_for_products: dict[int, float] = field(default_factory=dict)
    cycle: float = -1.0
    older: Instruction | None = None  # issued alone in `cycle` so far
    busy_until: float = 0.0  # an instruction that issues alone, or FP interval
    fp_free: float = 0.0
    penalty: float = 0.0


class CortexM7:
    """Six stages, two-wide, with branch prediction."""

    width = 2
    unaligned_cycles = 3.0  # [PIPE]: 3 as the older, 4 as the younger instruction

    def finish(self, code: Sequence[Instruction], taken_at: int) -> float:
        """See ``Pipeline.finish``."""
        state = _State()
        for k, instruction in enumerate(code):
            if taken_at and k == taken_at:
                state.older = None  # what a taken branch led to begins a cycle of its own
                state.busy_until = max(state.busy_until, state.cycle + 1)
            self._issue(state, instruction)
        return max(state.cycle + 1, state.busy_until) + state.penalty

    def extremes(self) -> None:
        """See ``Pipeline.extremes``: it was checked."""

    def missed_cycles(self, before: Sequence[Instruction], /) -> float:
        """Depends on when the flags were set."""
        near = before[-1 - EARLY_FLAGS_DISTANCE :]
        late = any(FLAGS in instruction.writes for instruction in near)
        return MISSED_CYCLES if late else MISSED_EARLY_CYCLES

    def _issue(self, state: _State, instruction: Instruction) -> None:
        earliest = max([state.busy_until, *(_wanted(state, instruction))])
        if instruction.floating:
            earliest = max(earliest, state.fp_free)
        together = state.older is not None and earliest <= state.cycle
        if together and state.older and _may_pair(state.older, instruction):
            state.penalty += _bank_penalty(state.older, instruction)
            state.older = None
            younger = True
        else:
            state.cycle = max(earliest, state.cycle + 1)
            state.older = None if _alone(instruction) else instruction
            younger = False
        self._occupy(state, instruction)
        for register in instruction.writes:
            state.ready[register] = _ready(state, instruction, register, younger=younger)

    def _occupy(self, state: _State, instruction: Instruction) -> None:
        begin = state.cycle
        if instruction.kind in ("load_many", "store_many"):
            state.busy_until = begin + -(-instruction.count // 2)  # [PIPE]
        elif instruction.kind in ("div", "fp_div", "special"):
            state.busy_until = begin + _ALONE_CYCLES[instruction.kind]
        elif instruction.floating:
            state.fp_free = max(state.fp_free, begin + 1)


_ALONE_CYCLES = {"div": DIV_CYCLES, "fp_div": FP_DIV_CYCLES, "special": 3}  # the last: [LLVM]


def _wanted(state: _State, instruction: Instruction) -> list[float]:
    """The earliest cycle of issue that each operand allows."""
    # [PIPE]: products cannot use what a load brought in the cycle before, other operands can.
    late = [state.ready.get(r, 0.0) - EX2 for r in instruction.late]
    if instruction.kind == "mac":
        late += [state.ready_for_products.get(r, 0.0) - EX2 for r in instruction.late]
    added = EX2 + FP_ACCUMULATE_EARLY if instruction.kind == "fp_mac" else EX3
    return (
        [state.ready.get(r, 0.0) - EX1 for r in instruction.early]
        + late
        + [state.ready.get(r, 0.0) - added for r in instruction.accumulator]
        + [state.ready.get(r, 0.0) - EX4 for r in instruction.data]
    )


def _ready(state: _State, instruction: Instruction, register: int, *, younger: bool) -> float:
    """From which cycle on a stage can use a result."""
    begin, kind = state.cycle, instruction.kind
    state.ready_for_products.pop(register, None)
    if register == instruction.base_update:
        return begin + EX1 + 1
    if kind == "load":
        half = instruction.access_bytes < 4  # [PIPE]: a cycle more for bytes and half words
        if not half:
            state.ready_for_products[register] = begin + EX2 + 2  # as an operand of a product
        return begin + EX2 + 1 + half
    if kind == "load_many":
        last = begin + -(-instruction.count // 2) - 1
        state.ready_for_products[register] = last + EX2 + 2
        return last + EX2 + 1
    if kind == "mac":
        return begin + EX3 + 1
    if kind in ("fp", "fp_move", "fp_mac"):
        return begin + EX2 + (FP_MAC_LATENCY if kind == "fp_mac" else FP_LATENCY)
    early = _computed_early(state, instruction, younger=younger) and register != FLAGS
    return begin + (EX1 if early else EX2) + 1


def _computed_early(state: _State, instruction: Instruction, *, younger: bool) -> bool:
    """[PIPE]: in EX1, where the operands are there by then."""
    if instruction.name.startswith(_EARLY_ALWAYS):
        return True
    simple = instruction.name in _EARLY_RESULT and not instruction.shifted and not younger
    if not simple and instruction.kind != "shift":
        return False
    return all(state.ready.get(r, 0.0) <= state.cycle for r in instruction.reads)


def _alone(instruction: Instruction) -> bool:
    """[PIPE], [LLVM], [GCC]: pairs and lists of registers go alone, so do divisions."""
    return instruction.kind in ("load_many", "store_many", "div", "special")


def _may_pair(older: Instruction, younger: Instruction) -> bool:
    """Whether two instructions can issue in one cycle, their operands being there."""
    kinds = {older.kind, younger.kind}
    if _alone(younger) or (older.sets_pc and younger.sets_pc):
        return False
    if older.kind == younger.kind and older.kind in ("mac", "bits", "store"):
        return False  # [PIPE]: one of each in a cycle
    if kinds == {"mac", "store"}:
        return False  # [PIPE]
    if younger.kind == "bits" or (older.floating and younger.floating):
        return False  # [PIPE]: those of DSP and bit fields only as the older one
    if kinds == {"load"} and _same_bank(older, younger):
        return False
    if "fp_mac" in kinds and (older.name.startswith("v") and younger.name.startswith("v")):
        return False  # [PIPE]: nor with loads, stores and moves of the FPU
    if older.writes & younger.writes - {FLAGS}:
        return False
    return not (_shifter(older) and younger.shifted)


def _shifter(instruction: Instruction) -> bool:
    """[PIPE], matrix of operands: keeps a younger one from having a shifted operand."""
    early_bits = instruction.kind == "bits" and (instruction.early or instruction.name == "bfc")
    return instruction.shifted or instruction.kind == "shift" or bool(early_bits)


def _same_bank(older: Instruction, younger: Instruction) -> bool:
    same_base = older.base == younger.base and not (
        older.register_offset or younger.register_offset
    )
    if not same_base:
        return False
    moved = 0 if older.base_update is None else 1
    return not moved and (older.offset // 4) % 2 == (younger.offset // 4) % 2


def _bank_penalty(older: Instruction, younger: Instruction) -> float:
    if older.kind != "load" or younger.kind != "load" or older.base == younger.base:
        return 0.0
    return UNKNOWN_BANKS_CYCLES
