"""The steps of a network as C statements: kernel calls, and loops over rows."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinydet.compiler.codegen import c_text, elementwise, movement, windows
from tinydet.compiler.codegen.calls import KernelCall, Site
from tinydet.compiler.codegen.constants import Constants
from tinydet.compiler.codegen.places import Places
from tinydet.compiler.ir import Op, Tensor
from tinydet.compiler.memory import Plan
from tinydet.compiler.schedule import Pace, Segment, Step, StepNumber, moved_inputs
from tinydet.errors import CompilerError

EMITTERS: dict[str, Callable[[Site], list[KernelCall]]] = {
    "CONV_2D": windows.convolution,
    "DEPTHWISE_CONV_2D": windows.depthwise,
    "FULLY_CONNECTED": windows.fully_connected,
    "AVERAGE_POOL_2D": windows.pool,
    "MAX_POOL_2D": windows.pool,
    "ADD": elementwise.add,
    "MUL": elementwise.mul,
    "QUANTIZE": elementwise.quantize,
    "DEQUANTIZE": elementwise.dequantize,
    "RELU": elementwise.relu,
    "RELU6": elementwise.relu,
    "LOGISTIC": elementwise.logistic,
    "LOOKUP": elementwise.lookup,
    "SOFTMAX": elementwise.softmax,
    "RESHAPE": movement.reshape,
    "CONCATENATION": movement.concatenation,
    "PAD": movement.pad,
    "RESIZE_BILINEAR": movement.resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": movement.resize_nearest,
    "MEAN": movement.mean,
}
# The types in which the kernels take 8-bit codes, and floats in the arena.
POINTERS = {"int8": "int8_t", "uint8": "uint8_t", "float32": "td_arena_f32"}
INDENT = "    "
MAX_LAYER_NAME = 40
# What a converter writes behind the name of a layer: "block_1_expand/batchnorm/add_1".
_OPERATION = re.compile(
    r"(relu\d?|batchnorm|fusedbatchnorm\w*|add|sub|mul|conv2d|convolution|depthwise|separable_conv2d|biasadd"
    r"|reshape|resize\w*|squeeze|concat|pad|softmax)[\d_]*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class SegmentCode:
    """A segment in C.

    Attributes:
        statements: One line each; of a loop those of iteration ``t``.
        iterations: How often the loop runs; 0 for a segment that is no loop.
        behind: What tells a trace of the operators that are complete then without a call.
    """

    statements: tuple[str, ...]
    iterations: int
    behind: tuple[str, ...]

    def text(self) -> list[str]:
        """All of it, as statements."""
        if not self.iterations:
            return [*self.statements, *self.behind]
        head = f"for (int32_t t = 0; t < {self.iterations}; t++) {{"
        return [head, *(INDENT + line for line in self.statements), "}", *self.behind]


class NetworkCode:
    """The steps of a network in C.

    Args:
        plan: A network that keeps the constraints of the compiler, and where everything lies.
        places: Names of that.
        constants: Where parameters and tables go.
        vectors: See ``CompileOptions``.

    Attributes:
        kernels: Names of the kernels that are called.

    Raises:
        CompilerError: An operator for which there is no kernel. All of them are named.
    """

    def __init__(
        self, plan: Plan, places: Places, constants: Constants, *, vectors: bool = False
    ) -> None:
        self._plan, self._places, self._constants = plan, places, constants
        self._vectors = vectors
        self._kept_bytes = {step.number: step.kept_bytes for step in plan.schedule.flow.steps}
        self._calls: dict[StepNumber, list[KernelCall]] = {}
        problems: list[str] = []
        for step, op in enumerate(plan.schedule.graph.ops, 1):
            try:
                self._calls[step] = self._translated(step, op)
            except CompilerError as error:
                problems += error.problems
        if problems:
            raise CompilerError(problems)
        self.kernels = frozenset(call.kernel for calls in self._calls.values() for call in calls)

    def segments(self) -> list[SegmentCode]:
        """All segments in order; bringing the input and taking the outputs is not in them."""
        return [self._segment(segment) for segment in self._plan.schedule.segments]

    def _translated(self, step: StepNumber, op: Op) -> list[KernelCall]:
        flow = self._plan.schedule.flow
        moved: list[int] = []
        if op.kind in ("RESHAPE", "CONCATENATION"):
            moved = [position for position, *_ in moved_inputs(flow.graph, op, flow.storages)]
        rings = self._plan.schedule.rings
        _, scratch = self._plan.scratch(step) or (0, 0)
        site = Site(
            flow.graph,
            op,
            step,
            self._constants,
            moved,
            flow.layouts,
            rings,
            scratch,
            self._kept_bytes.get(step, 0),
            self._vectors,
        )
        if op.kind not in EMITTERS:
            raise site.fault("there is no kernel for it. Replace it by supported operators.")
        self._constants.heading(self._description(step))
        calls = EMITTERS[op.kind](site)
        for call in calls:
            for tensor in (flow.graph.tensors[index] for index in call.tensors):
                if tensor.data is not None:
                    self._operand(step, tensor.data)
                elif tensor.dtype not in POINTERS:
                    raise site.fault(
                        f"{tensor.name} is {tensor.dtype}. Quantize the model to int8."
                    )
        return calls

    def _operand(self, step: StepNumber, values: npt.NDArray[np.generic]) -> str:
        """Name of the table of a constant input."""
        return self._constants.table(values, f"values_{step}", public=True)

    def _description(self, step: StepNumber) -> str:
        """As ``"3 CONV_2D block_1_expand: 96x96x8 -> 96x96x48"``, a comment."""
        graph = self._plan.schedule.graph
        op = graph.ops[step - 1]
        tensors = [graph.tensors[i] for i in op.inputs if i is not None]
        sources = ", ".join(_dimensions(tensor) for tensor in tensors if tensor.data is None)
        output = _dimensions(graph.output(op))
        return c_text.comment(f"{step} {op.kind} {layer_name(op.name)}: {sources} -> {output}")

    def _segment(self, segment: Segment) -> SegmentCode:
        flow = self._plan.schedule.flow
        steps = flow.steps[segment.begin : segment.end]
        statements: list[str] = []
        for step, pace in zip(steps, segment.paces, strict=True):
            if step.number in self._calls:
                statements.append(self._description(step.number))
                statements += self._rows(step, pace) if segment.is_loop else self._whole(step)
        following = flow.steps[segment.end].number if segment.end < len(flow.steps) else 0
        behind = self._quiet(steps[0].number, following)
        iterations = segment.iterations(flow) if segment.is_loop else 0
        return SegmentCode(tuple(statements), iterations, tuple(behind))

    def _whole(self, step: Step) -> list[str]:
        """An operator in one piece."""
        calls = [self._call(step.number, call, call.span) for call in self._calls[step.number]]
        return [*calls, self._done(step.number)]

    def _rows(self, step: Step, pace: Pace) -> list[str]:
        """The row of an operator that iteration ``t`` computes."""
        behind = f"t - {pace.lag}" if pace.lag else "t"
        row = behind if pace.every == 1 else f"({behind}) / {pace.every}"
        calls = self._calls[step.number]
        spans = [None if call.span is None else ("y", "y + 1") for call in calls]
        return [
            f"if (TD_HAS_ROW({behind}, {pace.every}, {step.rows})) {{",
            f"{INDENT}const int32_t y = {row};",
            *(
                INDENT + self._call(step.number, call, span)
                for call, span in zip(calls, spans, strict=True)
            ),
            f"{INDENT}{self._done(step.number, step.rows)}",
            "}",
        ]

    def _quiet(self, after: StepNumber, before: StepNumber) -> list[str]:
        """The operators between two steps that move no byte."""
        graph = self._plan.schedule.graph
        running = {step.number for step in self._plan.schedule.flow.steps}
        lines = []
        for step in range(after + 1, before):
            if step not in running and self._places.tensor(graph.ops[step - 1].outputs[0]):
                lines += [self._description(step), self._done(step)]
        return lines

    def _call(
        self, step: StepNumber, call: KernelCall, span: tuple[str | int, str | int] | None
    ) -> str:
        arguments = [call.parameters, *(self._pointer(step, tensor) for tensor in call.tensors)]
        if call.takes_scratch:
            scratch = self._places.scratch(step)
            arguments.append("0" if scratch is None else f"bytes + {scratch}")
        if call.span is not None and span is not None:
            arguments += [str(span[0]), str(span[1])]
        return f"{call.kernel}({', '.join(arguments)});"

    def _pointer(self, step: StepNumber, index: int) -> str:
        """C text of the address of a tensor: in the arena, the caller's, or a constant table."""
        graph = self._plan.schedule.graph
        tensor, place = graph.tensors[index], self._places.tensor(index)
        if tensor.data is not None:
            return self._operand(step, tensor.data)
        # Kernels that only copy take all types as int8.
        copied = graph.ops[step - 1].kind in ("RESHAPE", "CONCATENATION")
        if place is not None:
            return pointer("int8" if copied else tensor.dtype, place)
        offset = self._plan.schedule.flow.storages.places[index].offset
        caller = "(const int8_t *)(const void *)input" if copied else "input"
        return f"{caller} + {offset}" if offset else caller

    def _done(self, step: StepNumber, rows: int | None = None) -> str:
        """A call that tells a trace what is computed now: everything, or row ``y`` of so many."""
        flow = self._plan.schedule.flow
        tensor = flow.graph.ops[step - 1].outputs[0]
        place, layout = self._places.tensor(tensor), flow.layouts.get(tensor)
        what = flow.graph.tensors[tensor]
        size = what.size_bytes if layout is None else layout.size_bytes * what.shape[1]
        if rows is None:
            return f"TD_DONE({step}, bytes + {place}, {size});"
        row_bytes, ring = size // rows, self._plan.schedule.rings.get(tensor)
        slot = {None: f" + y * {row_bytes}", 1: ""}.get(ring, f" + y % {ring} * {row_bytes}")
        return f"TD_DONE({step}, bytes + {place}{slot}, {row_bytes});"


def pointer(dtype: str, place: str) -> str:
    """C text of an address in the arena, ``bytes`` being its first one.

    >>> pointer("int8", "CONV_4"), pointer("uint8", "INPUT")
    ('bytes + CONV_4', '(uint8_t *)bytes + INPUT')
    """
    if dtype == "int8":
        return f"bytes + {place}"
    if dtype == "uint8":
        return f"(uint8_t *)bytes + {place}"
    return f"({POINTERS[dtype]} *)(void *)(bytes + {place})"


def layer_name(op: str) -> str:
    """The layer in a converter's operator name, which lists all that it fused, with their paths.

    >>> layer_name("net/block_1_relu/Relu6;net/block_1_BN/batchnorm/add_1;net/block_1/convolution")
    'block_1'
    >>> layer_name("model/up_p4/resize/ResizeBilinear"), layer_name("Identity_1")
    ('up_p4', 'Identity_1')
    """
    fused = op.split(";")
    own = [name for name in fused if name.endswith(("/convolution", "/depthwise", "/Conv2D"))]
    parts = (own or fused)[0].split("/")
    while len(parts) > 1 and _OPERATION.fullmatch(parts[-1]):
        parts.pop()
    return parts[-1][:MAX_LAYER_NAME]


def _dimensions(tensor: Tensor) -> str:
    shape = tensor.shape[1:] if len(tensor.shape) > 1 and tensor.shape[0] == 1 else tensor.shape
    return "x".join(map(str, shape)) or "1"
