"""One Thumb instruction as what a pipeline model needs to know of it: unit, registers, flags."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "alu", "shift", "bits", "mac", "div", "load", "store", "load_many", "store_many", "branch",
    "call", "indirect", "it", "nop", "special", "fp", "fp_mac", "fp_div", "fp_move", "vec_load",
    "vec_store", "vec_int", "vec_mul", "vec_sys", "loop"
]  # fmt: skip

FLAGS = -1  # stands among the registers for the condition flags
PREDICATE = -2  # for the mask of lanes of Helium


@dataclass(frozen=True)
class Instruction:
    """One machine instruction.

    Attributes:
        address: Where it lies.
        size_bytes: 2 or 4.
        name: Without condition, width and mark of flags, as ``add``.
        kind: What part of the core it needs.
        early: Registers that it needs a stage before the arithmetic unit: addresses, shifted
            operands.
        late: Other registers that it reads.
        accumulator: Registers that a multiply-accumulate adds to.
        data: Registers that a store writes to memory.
        writes: Registers that it sets.
        base_update: The base register that a load or store moves on, or None.
        count: Registers that go to or from memory; 0 for others.
        access_bytes: Of a load or store, of each register.
        shifted: It has a shifted operand or constant.
        conditional: It stands in an IT block, or is a conditional branch.
        register_offset: Its address is the sum of two registers.
        base: Base register of a load or store, or None.
        offset: Constant added to the base.
        sets_pc: It may leave the block.
        index: Register that is added to the base, or None, shifted left by ``index_shift``.
        index_shift: See ``index``.
        base_step: By how much the base moves on; the access lies before it if post-indexed.
        post_indexed: The access lies at the base itself.
        sum_of: ``(register, constant)`` whose sum it computes, where it is that simple.
        latency: Of a Helium instruction: cycles until another one can use its result.
    """

    address: int
    size_bytes: int
    name: str
    kind: Kind
    early: frozenset[int] = frozenset()
    late: frozenset[int] = frozenset()
    accumulator: frozenset[int] = frozenset()
    data: frozenset[int] = frozenset()
    writes: frozenset[int] = frozenset()
    base_update: int | None = None
    count: int = 0
    access_bytes: int = 0
    shifted: bool = False
    conditional: bool = False
    register_offset: bool = False
    base: int | None = None
    offset: int = 0
    sets_pc: bool = False
    index: int | None = None
    index_shift: int = 0
    base_step: int = 0
    post_indexed: bool = False
    sum_of: tuple[int, int] | None = None
    latency: int = 1

    @property
    def narrow(self) -> bool:
        """It has 16 bits."""
        return self.size_bytes == 2

    @property
    def loads(self) -> bool:
        """It reads memory."""
        return self.kind in ("load", "load_many")

    @property
    def vector(self) -> bool:
        """It is one of Helium, of two beats or for the mask of lanes."""
        return self.kind.startswith("vec")

    @property
    def floating(self) -> bool:
        """It computes or moves floating-point numbers."""
        return self.kind.startswith("fp")

    @property
    def reads(self) -> frozenset[int]:
        """All registers that it reads."""
        return self.early | self.late | self.accumulator | self.data
