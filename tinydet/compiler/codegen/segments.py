"""Segments of a network as C: single calls, and loops over rows."""

from dataclasses import dataclass

from tinydet.compiler.codegen import c_text
from tinydet.compiler.codegen.network import NetworkCode
from tinydet.compiler.memory import Plan
from tinydet.compiler.schedule import Pace, Segment, Step, StepNumber

TRACE_MACRO = """\
#ifdef TD_TRACE
#define TD_DONE(op, offset, size) td_trace(op, bytes + (offset), size)
#else
#define TD_DONE(op, offset, size) ((void)0)
#endif
"""
# Iteration t computes a row of a step that began `behind` iterations before and has one every so
# many; the comparison of unsigned numbers is false before the first row too.
ROW_MACRO = """\
#define TD_HAS_ROW(behind, every, rows) \\
    ((uint32_t)(behind) < (uint32_t)((every) * (rows)) && (uint32_t)(behind) % (every) == 0)
"""
INDENT = "    "


@dataclass(frozen=True)
class SegmentCode:
    """A segment in C.

    Attributes:
        statements: One line each; of a loop those of iteration ``t``.
        iterations: How often the loop runs; 1 for a segment of one step.
        is_loop: Whether ``statements`` are those of a loop.
    """

    statements: tuple[str, ...]
    iterations: int
    is_loop: bool

    def text(self) -> list[str]:
        """All of it, as statements."""
        if not self.is_loop:
            return list(self.statements)
        head = f"for (int32_t t = 0; t < {self.iterations}; t++) {{"
        return [head, *(INDENT + line for line in self.statements), "}"]


def segment_codes(plan: Plan, network: NetworkCode) -> list[SegmentCode]:
    """All segments in their order; bringing the input and taking the outputs is not in them."""
    return [_segment(plan, network, segment) for segment in plan.schedule.segments]


def joined_names(plan: Plan, after: StepNumber, before: StepNumber) -> list[str]:
    """What tells a trace of the operators between two steps that move no byte."""
    graph = plan.schedule.graph
    running = {step.number for step in plan.schedule.flow.steps}
    quiet = [n for n in range(after + 1, before) if n not in running]
    return [
        _done(plan, step, graph.ops[step - 1].outputs[0], None)
        for step in quiet
        if graph.ops[step - 1].outputs[0] in plan.tensor_offsets
    ]


def _segment(plan: Plan, network: NetworkCode, segment: Segment) -> SegmentCode:
    flow = plan.schedule.flow
    statements: list[str] = []
    for step, pace in zip(flow.steps[segment.begin : segment.end], segment.paces, strict=True):
        code = network.operators.get(step.number)
        if code is None:
            continue
        output = flow.graph.ops[step.number - 1].outputs[0]
        statements.append(code.comment)
        if segment.is_loop:
            row = _row_number(pace)
            statements += [
                f"if (TD_HAS_ROW({_behind(pace)}, {pace.every}, {step.rows})) {{",
                f"{INDENT}const int32_t y = {row};",
                *(INDENT + call for call in code.rows("y", "y + 1")),
                f"{INDENT}{_done(plan, step.number, output, step)}",
                "}",
            ]
        else:
            statements += [*code.all_at_once(), _done(plan, step.number, output, None)]
    if not segment.is_loop:
        return SegmentCode(tuple(statements), 1, False)
    return SegmentCode(tuple(statements), segment.iterations(flow), True)


def _behind(pace: Pace) -> str:
    return f"t - {pace.lag}" if pace.lag else "t"


def _row_number(pace: Pace) -> str:
    behind = _behind(pace)
    if pace.every == 1:
        return behind
    return f"({behind}) / {pace.every}"


def _done(plan: Plan, number: StepNumber, tensor: int, loop_step: Step | None) -> str:
    """A call that tells a trace what is computed now: everything, or row ``y``."""
    flow = plan.schedule.flow
    name = c_text.string(flow.graph.ops[number - 1].name)
    offset = plan.tensor_offsets[tensor]
    layout, what = flow.layouts.get(tensor), flow.graph.tensors[tensor]
    size = what.size_bytes if layout is None else layout.size_bytes * what.shape[1]
    if loop_step is None:
        return f"TD_DONE({name}, {offset}, {size});"
    row_bytes = size // loop_step.rows
    ring = plan.schedule.rings.get(tensor)
    slot = "y" if ring is None else f"y % {ring}"
    if ring == 1:
        return f"TD_DONE({name}, {offset}, {row_bytes});"
    return f"TD_DONE({name}, {offset} + {slot} * {row_bytes}, {row_bytes});"
