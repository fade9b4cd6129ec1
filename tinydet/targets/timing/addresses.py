"""Where the loads and stores of a block go, in terms of the registers at its begin.

What is reached through a pointer that the block itself loads or computes in another way than by
adding constants is not known, and goes uncounted; the share is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tinydet.targets.timing.instructions import Instruction


@dataclass(frozen=True)
class Access:
    """A load or store.

    Attributes:
        base: Register at the begin of the block, or None for an absolute address.
        index: Register at the begin of the block that is added, or None.
        index_shift: By which it is shifted left.
        offset: Constant that is added.
        size_bytes: Of one access.
        count: Accesses behind each other.
        writes: It is a store.
    """

    base: int | None
    index: int | None
    index_shift: int
    offset: int
    size_bytes: int
    count: int
    writes: bool


def block_accesses(block: Sequence[Instruction], pc: int) -> tuple[list[Access], int]:
    """Accesses of known address, and how many others there are.

    Args:
        block: Instructions.
        pc: Number of the program counter among the registers.
    """
    known: dict[int, tuple[int, int] | None] = {}  # register now -> (register then, constant)
    accesses: list[Access] = []
    unknown = 0
    for instruction in block:
        if instruction.base is not None:
            access = _access(instruction, known, pc)
            if access:
                accesses.append(access)
            else:
                unknown += 1
        _step(instruction, known)
    return accesses, unknown


def _access(
    instruction: Instruction, known: dict[int, tuple[int, int] | None], pc: int
) -> Access | None:
    base = instruction.base
    assert base is not None
    writes = not instruction.loads
    size, count = instruction.access_bytes, instruction.count
    if base == pc:
        here = (instruction.address + 4) & ~3
        return Access(None, None, 0, here + instruction.offset, size, count, writes)
    at = known.get(base, (base, 0))
    index = instruction.index
    moved = known.get(index, (index, 0)) if index is not None else (None, 0)
    if at is None or moved is None:
        return None
    pushed = (
        instruction.base_step if not instruction.post_indexed and instruction.base_step < 0 else 0
    )
    offset = 0 if instruction.post_indexed else instruction.offset or pushed
    shifted = moved[1] << instruction.index_shift
    return Access(
        at[0], moved[0], instruction.index_shift, at[1] + offset + shifted, size, count, writes
    )


def _step(instruction: Instruction, known: dict[int, tuple[int, int] | None]) -> None:
    """What an instruction makes of the registers."""
    sum_of = instruction.sum_of
    result = known.get(sum_of[0], (sum_of[0], 0)) if sum_of else None
    base = instruction.base_update
    moved = known.get(base, (base, 0)) if base is not None else None
    for register in instruction.writes:
        known[register] = None
    if result and sum_of and instruction.writes:
        (target,) = (r for r in instruction.writes if r >= 0)
        known[target] = (result[0], result[1] + sum_of[1])
    if base is not None and moved:
        known[base] = (moved[0], moved[1] + instruction.base_step)
