"""In which pieces a network runs."""

from dataclasses import dataclass
from functools import cached_property

from tinydet.compiler.ir import Graph
from tinydet.compiler.schedule.flow import Flow, StepNumber
from tinydet.compiler.schedule.segments import Segment, SegmentMaker


@dataclass(frozen=True, eq=False)
class Schedule:
    """The steps of a network, and which of them run together.

    Attributes:
        maker: The steps, and how they are grouped into segments.
        segments: One after the other; together all steps that run.
    """

    maker: SegmentMaker
    segments: tuple[Segment, ...]

    @property
    def flow(self) -> Flow:
        """The steps."""
        return self.maker.flow

    @property
    def graph(self) -> Graph:
        """The network, its operators in the order in which they run."""
        return self.flow.graph

    @property
    def num_steps(self) -> int:
        """Operators, the step that brings the inputs and the one that takes the outputs."""
        return len(self.graph.ops) + 2

    def step_name(self, step: StepNumber) -> str:
        """As ``"ADD block_2/Add"``; ``"input"`` for the first step, ``"boxes"`` for the last."""
        if step in (0, self.num_steps - 1):
            return "boxes" if step else "input"
        op = self.graph.ops[step - 1]
        return f"{op.kind} {op.name}"

    @cached_property
    def rings(self) -> dict[int, int]:
        """Tensor -> rows of its ring, for those that are never whole."""
        parts = self.flow.parts
        return {
            parts[index].tensor: rows
            for segment in self.segments
            for index, rows in segment.rings.items()
        }

    def ring_rows(self, tensor: int) -> int:
        """Rows that the buffer of an image holds: all, but for rings."""
        return self.rings.get(tensor, self.graph.tensors[tensor].shape[1])
