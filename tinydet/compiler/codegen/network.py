"""The operators of a network as kernel calls, and the constant tables of these."""

from collections.abc import Callable
from dataclasses import dataclass

from tinydet.compiler.codegen import c_text, convolution, depthwise, elementwise, layout, pooling
from tinydet.compiler.codegen.calls import KernelCall, Site
from tinydet.compiler.codegen.constants import Constants
from tinydet.compiler.ir import Graph, Op, Tensor
from tinydet.compiler.memory import Plan
from tinydet.compiler.schedule import moved_inputs
from tinydet.errors import CompilerError

EMITTERS: dict[str, Callable[[Site], list[KernelCall]]] = {
    "CONV_2D": convolution.convolution,
    "DEPTHWISE_CONV_2D": depthwise.depthwise,
    "FULLY_CONNECTED": convolution.fully_connected,
    "AVERAGE_POOL_2D": pooling.pool,
    "MAX_POOL_2D": pooling.pool,
    "ADD": elementwise.add,
    "MUL": elementwise.mul,
    "QUANTIZE": elementwise.quantize,
    "DEQUANTIZE": elementwise.dequantize,
    "RELU": elementwise.relu,
    "RELU6": elementwise.relu,
    "LOGISTIC": elementwise.logistic,
    "SOFTMAX": elementwise.softmax,
    "RESHAPE": layout.reshape,
    "CONCATENATION": layout.concatenation,
    "PAD": layout.pad,
    "RESIZE_BILINEAR": layout.resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": layout.resize_nearest,
    "MEAN": layout.mean,
}
POINTERS = {"int8": "TD_S8", "uint8": "TD_U8", "float32": "TD_F32"}
POINTER_MACROS = """\
#define TD_S8(offset) ((int8_t *)(void *)(bytes + (offset)))
#define TD_U8(offset) (bytes + (offset))
#define TD_F32(offset) ((float *)(void *)(bytes + (offset)))
"""
CALLER_MACROS = """\
#define TD_CALLER_S8(offset) ((const int8_t *)(const void *)(input + (offset)))
#define TD_CALLER_U8(offset) ((const uint8_t *)(const void *)(input + (offset)))
#define TD_CALLER_F32(offset) ((const float *)(const void *)(input + (offset)))
"""


@dataclass(frozen=True)
class OperatorCode:
    """An operator in C.

    Attributes:
        comment: What it does, on one line.
        calls: Its kernel calls as C text; in those that take a range of rows ``{begin}`` and
            ``{end}`` stand for it.
        span: All its rows or elements; None where a call takes no range.
    """

    comment: str
    calls: tuple[str, ...]
    span: tuple[int, int] | None

    def all_at_once(self) -> list[str]:
        """The calls that compute everything."""
        begin, end = self.span or (0, 0)
        return self.rows(str(begin), str(end))

    def rows(self, begin: str, end: str) -> list[str]:
        """The calls that compute some rows."""
        return [call.format(begin=begin, end=end) for call in self.calls]


@dataclass(frozen=True)
class NetworkCode:
    """All operators in C.

    Attributes:
        tables: Definitions of their constant structures.
        operators: By step.
        kernels: Names of the kernels that are called.
    """

    tables: tuple[str, ...]
    operators: dict[int, OperatorCode]
    kernels: frozenset[str]


def network_code(plan: Plan, constants: Constants) -> NetworkCode:
    """Translate all operators.

    Args:
        plan: A network that keeps the constraints of the compiler, and where everything lies.
        constants: Where constant tables go; they are not in the result's ``tables``.

    Returns:
        The code; ``tables`` has the parameters of the kernels.

    Raises:
        CompilerError: An operator for which there is no kernel. All of them are named.
    """
    graph = plan.schedule.graph
    tables: list[str] = []
    operators: dict[int, OperatorCode] = {}
    kernels: set[str] = set()
    problems: list[str] = []
    for step, op in enumerate(graph.ops, 1):
        site = _site(plan, step, op, constants)
        try:
            calls = _calls(site)
            texts = []
            for number, call in enumerate(calls):
                suffix = f"_{number}" if len(calls) > 1 else ""
                name = f"{call.kernel.removeprefix('td_')}_{step}{suffix}"
                if not isinstance(call.parameters, str):
                    tables.append(c_text.structure(call.parameters, name))
                texts.append(_call_text(plan, site, call, name))
                kernels.add(call.kernel)
        except CompilerError as error:
            problems += error.problems
            continue
        span = calls[0].span if calls else None
        description = c_text.comment(_describe(graph, step, op))
        operators[step] = OperatorCode(description, tuple(texts), span)
    if problems:
        raise CompilerError(problems)
    return NetworkCode(tuple(tables), operators, frozenset(kernels))


def _site(plan: Plan, step: int, op: Op, constants: Constants) -> Site:
    flow = plan.schedule.flow
    moved: list[tuple[int, int | None]] = []
    if op.kind in ("RESHAPE", "CONCATENATION"):
        found = moved_inputs(flow.graph, op, flow.storages)
        moved = [(position, offset) for position, _, offset in found]
    return Site(flow.graph, op, step, constants, moved, flow.layouts, plan.schedule.rings)


def _calls(site: Site) -> list[KernelCall]:
    if site.op.kind not in EMITTERS:
        raise site.fault("there is no kernel for it. Replace it by supported operators.")
    return EMITTERS[site.op.kind](site)


def _describe(graph: Graph, step: int, op: Op) -> str:
    """As ``"3 CONV_2D block_1_expand: 96x96x8 -> 96x96x48"``.

    The converter joins the names of what it fused by semicolons; the first is the one that counts.
    """
    computed = [
        graph.tensors[i] for i in op.inputs if i is not None and graph.tensors[i].data is None
    ]
    sources = ", ".join(_dimensions(t) for t in computed)
    name = op.name.split(";")[0]
    return f"{step} {op.kind} {name}: {sources} -> {_dimensions(graph.output(op))}"


def _dimensions(tensor: Tensor) -> str:
    shape = tensor.shape[1:] if len(tensor.shape) > 1 and tensor.shape[0] == 1 else tensor.shape
    return "x".join(map(str, shape)) or "1"


def _call_text(plan: Plan, site: Site, call: KernelCall, name: str) -> str:
    """``kernel(&parameters, tensors..., scratch, begin, end);`` with the range left open."""
    arguments = [call.parameters if isinstance(call.parameters, str) else f"&{name}"]
    arguments += [_pointer(plan, site, tensor) for tensor in call.tensors]
    if call.takes_scratch:
        scratch = plan.scratch(site.step)
        arguments.append("0" if scratch is None else f"bytes + {scratch[0]}")
    if call.span is not None:
        arguments += ["{begin}", "{end}"]
    return f"{call.kernel}({', '.join(arguments)});"


def _pointer(plan: Plan, site: Site, index: int) -> str:
    """C text of the address of a tensor: in the arena, the caller's, or a constant table."""
    tensor = site.graph.tensors[index]
    if tensor.data is not None:
        return site.constants.table(tensor.data, site.table_name("values"))
    # Kernels that only copy take all types as int8.
    copied = site.op.kind in ("RESHAPE", "CONCATENATION")
    macro = "TD_S8" if copied else POINTERS.get(tensor.dtype)
    if macro is None:
        raise site.fault(f"{tensor.name} is {tensor.dtype}. Quantize the model to int8.")
    if index in plan.tensor_offsets:
        return f"{macro}({plan.tensor_offsets[index]})"
    place = plan.schedule.flow.storages.places[index]
    return f"{macro.replace('TD_', 'TD_CALLER_')}({place.offset})"
