"""What every model of a core answers: the cycles of a block of instructions behind another."""

from collections.abc import Sequence
from typing import Protocol

from tinydet.targets.timing.instructions import Instruction

MAX_CONTEXT = 12  # instructions of the block before that can still matter


class Pipeline(Protocol):
    """A core whose memories answer at once.

    Attributes:
        width: Instructions that it can begin in a cycle.
        unaligned_cycles: Longer that an access takes across its own size.
    """

    width: int
    unaligned_cycles: float

    def finish(self, code: Sequence[Instruction], taken_at: int) -> float:
        """Cycles from the first instruction of some code to the one behind its last.

        Args:
            code: Instructions in the order in which they run.
            taken_at: Position of the instruction that a taken branch led to; 0: there is none.
        """

    def missed_cycles(self, before: Sequence[Instruction], /) -> float:
        """Cycles lost when the branch at the end of a block was not foreseen."""

    def extremes(self) -> "tuple[Pipeline, Pipeline] | None":
        """Cores that are surely faster and slower, where no board was there to check this one."""


def block_cycles(
    pipeline: Pipeline, before: Sequence[Instruction], block: Sequence[Instruction], *, taken: bool
) -> float:
    """Cycles that a block adds behind another, with the branch that led to it.

    Args:
        pipeline: The core.
        before: The block that ran before; empty for none.
        block: The block.
        taken: The block does not lie behind the other one in memory.
    """
    context = list(before[-MAX_CONTEXT:])
    alone = pipeline.finish(context, 0)
    together = pipeline.finish([*context, *block], len(context) if taken else 0)
    return together - alone
