"""Cortex-M55 and Cortex-M85: in order, vectors of 128 bits in two beats of 64 bits.

A vector instruction keeps its unit (memory, integers, products, masks) busy for two cycles. One
that needs another unit can begin a cycle later, on the first half of what the one before computes.

Sources:
    [M55] llvm/lib/Target/ARM/ARMScheduleM55.td, [M85] llvm/lib/Target/ARM/ARMScheduleM85.td,
        https://github.com/llvm/llvm-project: units, latencies, pairs of instructions
    [SLOTHY] slothy/targets/arm_v81m/cortex_m55r1.py and cortex_m85r1.py, by authors at Arm,
        https://github.com/slothy-optimizer/slothy: one memory unit on the M55, two on the M85
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from tinydet.targets.timing.instructions import FLAGS, Instruction

BEATS = 2
FP_DIV_CYCLES, DIV_CYCLES, SPECIAL_CYCLES = 14, 7, 3  # [M85]; of the M55 16 and not known
LANES_PER_CYCLE = 2  # addresses of a gather or scatter; [M55] has 2 cycles for 4 words
_VECTORS = {"vec_int": "integers", "vec_mul": "products", "vec_sys": "masks"}
_ONE_STAGE = ("bfi", "bfc", "sxtb", "sxth", "uxtb", "uxth", "rev", "rbit", "clz")
# The kinds of an instruction of 16 bits that goes beside another one on the M55: [M55].
_BESIDE = ("nop", "it", "branch")
_BESIDE_NAMES = ("add", "sub", "mov", "uxtb", "uxth", "sxtb", "sxth")


@dataclass
class _State:
    """Where the schedule stands."""

    ready: dict[int, float] = field(default_factory=dict)
    # Results of products: a cycle earlier for what adds to them, or stores them.
    sooner: dict[int, float] = field(default_factory=dict)
    free: dict[str, float] = field(default_factory=dict)  # unit -> cycle
    cycle: float = -1.0
    older: Instruction | None = None  # issued alone in ``cycle`` so far
    next_cycle: float = 0.0


class _Helium(ABC):
    """What the two cores have in common.

    Args:
        results_wait: Instructions wait for what they need.
        overlap: A vector instruction can begin while another unit is in its second beat.
    """

    width = 1
    unaligned_cycles = 1.0
    #: What a taken branch costs beyond its own cycle, where it is foreseen.
    taken_cycles = 0.0
    #: What the first turn of a loop with a count costs: its end is executed once, as a branch.
    loop_cycles = 1.0
    #: Cycles that the address of a load or store is needed before other operands.
    address_cycles = 0.0
    load_cycles = 1.0
    base_cycles = 1.0  # until the next access can use a base that was moved on
    units: ClassVar[dict[str, str]] = {}  # of a kind or name, where not as in _VECTORS
    branches_wait = True  # for the flags
    scalar_cycles = 1.0  # that a load or store of up to 64 bits keeps the memory unit busy

    def __init__(self, *, results_wait: bool = True, overlap: bool = True) -> None:
        self._results_wait, self._overlap = results_wait, overlap

    def extremes(self) -> tuple["_Helium", "_Helium"]:
        """The core if no result were waited for, and if no vector instructions overlapped."""
        return type(self)(results_wait=False), type(self)(overlap=False)

    def finish(self, code: Sequence[Instruction], taken_at: int) -> float:
        """See ``Pipeline.finish``."""
        state = _State()
        before: Instruction | None = None
        for k, instruction in enumerate(code):
            if before is not None and before.kind == "loop":
                self._loop(state, again=bool(taken_at) and k == taken_at)
            elif before is not None and taken_at and k == taken_at:
                state.older = None
                state.next_cycle = max(state.next_cycle, state.cycle + 1) + self._taken(before)
            if instruction.kind != "loop":  # [M85], [M55]: no cycle once the loop is known
                self._issue(state, instruction)
            before = instruction
        return max(state.cycle + 1, state.next_cycle)

    def missed_cycles(self, _before: Sequence[Instruction], /) -> float:
        """Nothing is predicted."""
        return 0.0

    def _taken(self, _branch: Instruction) -> float:
        return self.taken_cycles

    def _loop(self, state: _State, *, again: bool) -> None:
        state.older = None
        state.next_cycle = max(state.next_cycle, state.cycle + 1)
        state.next_cycle += 0.0 if again else self.loop_cycles

    def _issue(self, state: _State, instruction: Instruction) -> None:
        unit, busy = self._unit(instruction)
        earliest = state.free.get(unit, 0.0)
        if self._results_wait:
            earliest = max([earliest, *self._wanted(state, instruction)])
        together = (
            state.older is not None
            and max(earliest, state.next_cycle) <= state.cycle
            and self._may_pair(state.older, instruction)
        )
        if together:
            state.older = None
        else:
            state.cycle = max(earliest, state.next_cycle, state.cycle + 1)
            state.older = instruction
        if unit:
            state.free[unit] = state.cycle + busy
        alone = self._alone_cycles(instruction)
        if alone or (instruction.vector and not self._overlap):
            state.older = None
            state.next_cycle = max(state.next_cycle, state.cycle + (alone or busy))
        for register in instruction.writes:
            ready = state.cycle + self._latency(instruction, register)
            state.ready[register] = ready
            product = instruction.kind == "vec_mul" and instruction.latency > 1
            state.sooner[register] = ready - 1 if product else ready

    def _wanted(self, state: _State, instruction: Instruction) -> list[float]:
        """The earliest cycle that each operand allows."""
        if instruction.kind == "branch" and not self.branches_wait:
            return []
        moves = instruction.kind in ("load", "store", "load_many", "store_many") or (
            instruction.kind in ("vec_load", "vec_store")
        )
        early = self.address_cycles if moves or instruction.shifted else 0.0
        added = instruction.accumulator | instruction.data
        return (
            [state.ready[r] + early for r in instruction.early if r in state.ready]
            + [state.ready[r] for r in instruction.late if r in state.ready]
            + [state.sooner[r] for r in added if r in state.sooner]
        )

    def _unit(self, instruction: Instruction) -> tuple[str, float]:
        """The unit that an instruction takes, ``""`` for none of those that are busy long."""
        kind = instruction.kind
        if kind in ("vec_load", "vec_store"):
            lanes = -(-instruction.count // LANES_PER_CYCLE) if instruction.register_offset else 0
            return self.units[kind], max(BEATS, lanes)
        if kind in ("load", "store", "load_many", "store_many"):
            unit = self.units[f"vec_{kind.removesuffix('_many')}"]
            return unit, self.scalar_cycles * max(1.0, self._alone_cycles(instruction))
        if kind in _VECTORS:
            return self.units.get(instruction.name, _VECTORS[kind]), 1 if kind == "vec_sys" else 2
        if instruction.floating and kind != "fp_div":
            return "products", 1
        return "", 0

    def _alone_cycles(self, instruction: Instruction) -> float:
        """Cycles in which nothing else begins; 0 for most."""
        kind = instruction.kind
        if kind in ("load_many", "store_many"):
            words = instruction.count * (2 if instruction.name.startswith("v") else 1)
            return -(-words // 2)  # 64 bits a cycle
        return _ALONE_CYCLES.get(kind, 0)

    def _latency(self, instruction: Instruction, register: int) -> float:
        kind = instruction.kind
        if register == instruction.base_update:
            return 1 if instruction.vector else self.base_cycles
        if instruction.vector:
            return self._vector_latency(instruction)
        if kind == "load_many":
            return self._alone_cycles(instruction) + self.load_cycles - 1
        if kind == "load":
            return self.load_cycles
        if kind in ("fp", "fp_mac", "fp_div"):
            return _FP_CYCLES[kind]
        slow_bits = kind == "bits" and not instruction.name.startswith(_ONE_STAGE)
        slow = kind == "mac" or slow_bits or instruction.shifted
        return 2 if slow and register != FLAGS else 1

    @abstractmethod
    def _vector_latency(self, instruction: Instruction) -> float:
        """Cycles until another instruction can use a result in a vector or a sum of one."""

    @abstractmethod
    def _may_pair(self, older: Instruction, younger: Instruction) -> bool:
        """Whether two instructions can begin in one cycle."""


_ALONE_CYCLES = {"div": DIV_CYCLES, "fp_div": FP_DIV_CYCLES, "special": SPECIAL_CYCLES}
_FP_CYCLES = {"fp": 2, "fp_mac": 4, "fp_div": FP_DIV_CYCLES}


class CortexM55(_Helium):
    """One instruction a cycle, some of 16 bits beside another; no branch prediction."""

    taken_cycles = 2.0  # the M33's 1, and one for the stage that it has more: [M55]
    loop_cycles = 3.0  # the same, and the cycle of the branch
    load_cycles = 2.0
    units: ClassVar[dict[str, str]] = {"vec_load": "memory", "vec_store": "memory"}  # [SLOTHY]

    def _vector_latency(self, instruction: Instruction) -> float:
        # The second half of a sum is there a cycle later; 3 in [SLOTHY].
        return instruction.latency + (1 if instruction.name.startswith(_TO_GENERAL) else 0)

    def _may_pair(self, older: Instruction, younger: Instruction) -> bool:
        narrow = older.narrow and younger.narrow and not older.sets_pc
        return narrow and (_goes_beside(older) or _goes_beside(younger))


class CortexM85(_Helium):
    """Two instructions a cycle, one of them a vector; with branch prediction."""

    width = 2
    loop_cycles = 1.0
    address_cycles = 1.0
    base_cycles = 0.0
    branches_wait = False  # they are foreseen; set when CoreMark was looked at
    scalar_cycles = 0.5  # two words in a cycle: [M85]
    missed_branch_cycles = 7.0  # [M85], of forward branches
    units: ClassVar[dict[str, str]] = {
        "vec_load": "loads", "vec_store": "stores", "vcmp": "comparisons",
        "vcmp_r": "comparisons", "vpsel": "any",
    }  # fmt: skip

    def missed_cycles(self, _before: Sequence[Instruction], /) -> float:
        """See ``Pipeline.missed_cycles``."""
        return self.missed_branch_cycles

    def _vector_latency(self, instruction: Instruction) -> float:
        if instruction.name.startswith(_TO_GENERAL):
            return 4
        return min(instruction.latency, 2)

    def _may_pair(self, older: Instruction, younger: Instruction) -> bool:
        if older.vector or older.sets_pc or self._alone_cycles(younger):
            return False  # a vector instruction ends what issues in a cycle
        kinds = {older.kind, younger.kind}
        if len(kinds) == 1 and kinds <= {"mac", "bits", "fp", "fp_mac", "fp_move"}:
            return False
        memory = {"load", "store"} & {older.kind} and younger.kind in ("vec_load", "vec_store")
        one_slot = _first_slot(older) and _first_slot(younger)
        shifts = older.shifted and younger.shifted
        return not (memory or one_slot or shifts)


# Results of vector instructions in general registers.
_TO_GENERAL = ("vaddv", "vmlav", "vmlsdav", "vmlalv", "vmaxv", "vmov_from")


def _goes_beside(instruction: Instruction) -> bool:
    """[M55]: additions of constants, moves, extensions, branches."""
    if instruction.kind in _BESIDE:
        return True
    constant = instruction.name not in ("add", "sub") or instruction.sum_of is not None
    return instruction.name in _BESIDE_NAMES and constant


def _first_slot(instruction: Instruction) -> bool:
    """[M85]: what computes vectors, floating-point numbers or parts of words goes there."""
    return instruction.kind in ("vec_int", "vec_mul", "vec_sys", "bits") or instruction.floating
