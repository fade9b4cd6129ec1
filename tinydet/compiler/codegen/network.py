"""The steps of a network as C: constant tables, and the calls of one inference."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinydet.compiler.codegen import c_text, convolution, depthwise, elementwise, layout, pooling
from tinydet.compiler.codegen.calls import KernelCall, Site
from tinydet.compiler.codegen.constants import Constants
from tinydet.compiler.ir import Graph, Op, Tensor
from tinydet.compiler.kernel_scratch import scratch_bytes
from tinydet.compiler.memory import Plan
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
TRACE_MACRO = """\
#ifdef TD_TRACE
#define TD_STEP_DONE(op, offset, size) td_trace(op, bytes + (offset), size)
#else
#define TD_STEP_DONE(op, offset, size) ((void)0)
#endif
"""


@dataclass(frozen=True)
class NetworkCode:
    """A network in C.

    Attributes:
        tables: Definitions of its constant tables and structures.
        statements: Body of the function that runs it, one line each.
        kernels: Names of the kernels it calls.
    """

    tables: tuple[str, ...]
    statements: tuple[str, ...]
    kernels: frozenset[str]


def network_code(graph: Graph, plan: Plan, constants: Constants) -> NetworkCode:
    """Translate all operators.

    Args:
        graph: A verified graph that keeps the constraints of the compiler.
        plan: Where its activations lie.
        constants: Where its constant tables go; they are not in the result's ``tables``.

    Returns:
        The code; ``tables`` has the parameters of the kernels.

    Raises:
        CompilerError: An operator for which there is no kernel. All of them are named.
    """
    offsets = plan.tensor_offsets()
    tables: list[str] = []
    statements: list[str] = []
    kernels: set[str] = set()
    problems: list[str] = []
    for step, op in enumerate(graph.ops, 1):
        site = Site(graph, op, step, constants, _keeps_bytes(op, offsets))
        try:
            calls = _calls(site)
        except CompilerError as error:
            problems += error.problems
            continue
        statements.append(c_text.comment(_describe(graph, step, op)))
        for number, call in enumerate(calls):
            suffix = f"_{number}" if len(calls) > 1 else ""
            name = f"{call.kernel.removeprefix('td_')}_{step}{suffix}"
            if not isinstance(call.parameters, str):
                tables.append(c_text.structure(call.parameters, name))
            pointers = [_pointer(site, t, offsets) for t in call.tensors]
            statements.append(_statement(call, name, pointers))
            kernels.add(call.kernel)
        output = op.outputs[0]
        size = graph.tensors[output].size_bytes
        statements.append(f"TD_STEP_DONE({c_text.string(op.name)}, {offsets[output]}, {size});")
    if problems:
        raise CompilerError(problems)
    scratch = max((scratch_bytes(graph, op) for op in graph.ops), default=0)
    if scratch:
        statements.insert(0, f"_Alignas(16) uint8_t scratch[{scratch}];")
    return NetworkCode(tuple(tables), tuple(statements), frozenset(kernels))


def _calls(site: Site) -> list[KernelCall]:
    if site.op.kind not in EMITTERS:
        raise site.fault("there is no kernel for it. Replace it by supported operators.")
    return EMITTERS[site.op.kind](site)


def _keeps_bytes(op: Op, offsets: dict[int, int]) -> bool:
    source = op.inputs[0] if op.inputs else None
    return source is not None and offsets.get(source) == offsets[op.outputs[0]]


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


def _pointer(site: Site, index: int, offsets: dict[int, int]) -> str:
    """C text of the address of a tensor: a place in the arena, or a constant table."""
    tensor = site.graph.tensors[index]
    if tensor.data is not None:
        return site.constants.table(tensor.data, site.table_name("values"))
    # Kernels that only copy take all types as int8.
    copied = site.op.kind in ("RESHAPE", "CONCATENATION")
    macro = "TD_S8" if copied else POINTERS.get(tensor.dtype)
    if macro is None:
        raise site.fault(f"{tensor.name} is {tensor.dtype}. Quantize the model to int8.")
    return f"{macro}({offsets[index]})"


def _statement(call: KernelCall, name: str, pointers: Sequence[str]) -> str:
    first = call.parameters if isinstance(call.parameters, str) else f"&{name}"
    span = () if call.span is None else map(str, call.span)
    scratch = ["scratch"] if call.takes_scratch else []
    return f"{call.kernel}({', '.join([first, *pointers, *scratch, *span])});"
