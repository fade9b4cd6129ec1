"""Whether the parts of a .tflite file refer to parts that are there.

LiteRT takes much of this for granted: a damaged file ends the whole program there.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tinydet.tflite_format import schema
from tinydet.tflite_format.flatbuffer import MalformedError, Table, root_table

MAX_INDICES = 1024  # inputs or outputs of one operator or graph
MAX_RANK = 8
MAX_SIDE = 2**20  # of scales
# Scales of computed tensors: LiteRT divides by them, and ends the program where that fails.
LEAST_SCALE, LARGEST_SCALE = 2.0**-126, 1e30
MOST_ADDED = 2**19  # scale of an input of ADD or SUB by that of its output
CODES = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-(2**15), 2**15 - 1)}
MAX_STEP = 2**15  # pixels of a stride, a dilation or a side of a window
MAX_WINDOW = 2**20  # pixels of a window: a mean over 1024 x 1024
# Slots of the options that say strides, dilations and the sides of a window.
STEPS = {
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), ((1, 2), (), (3, 4))),
    "CONV_2D": ((1, 2), (4, 5), ()),
    "DEPTHWISE_CONV_2D": ((1, 2), (5, 6), ()),
    "TRANSPOSE_CONV": ((1, 2), (), ()),
}
MAX_SIZES = 2 * MAX_RANK  # of a PAD, before and after
Bytes = npt.NDArray[np.uint8]
MAX_ELEMENTS = 2**26  # of one tensor: 256 MiB as float32, a picture of 4700 x 4700 pixels
# Operators that take sizes from a constant: its place among the inputs, and the lowest sound value.
SIZES = {
    **dict.fromkeys(("RESHAPE", "BROADCAST_TO"), (1, -1)),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "TILE"), (1, 1)),
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD", "TRANSPOSE"), (1, 0)),
    "FILL": (0, 0),
}
# Inputs that an operator cannot do without: LiteRT's fast kernels read them before they count.
FEWEST_INPUTS = {
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"), 2),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL"), 2),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "ARG_MAX", "ARG_MIN"), 2),
    **dict.fromkeys(("PAD", "MIRROR_PAD", "TRANSPOSE", "TILE", "BROADCAST_TO", "FILL", "SPLIT"), 2),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "EXPAND_DIMS", "GATHER"), 2),
    **dict.fromkeys(("PRELU", "TOPK_V2"), 2),
    **dict.fromkeys(("PADV2", "SLICE", "TRANSPOSE_CONV", "SPLIT_V", "SELECT", "SELECT_V2"), 3),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "SOFTMAX", "LOGISTIC", "RESHAPE"), 1),
    **dict.fromkeys(("QUANTIZE", "DEQUANTIZE", "CONCATENATION", "PACK", "SHAPE"), 1),
    "STRIDED_SLICE": 4,
}
BYTES_PER_ELEMENT = {"int8": 1, "uint8": 1, "bool": 1, "int16": 2, "float16": 2}
BYTES_PER_ELEMENT |= {"int32": 4, "uint32": 4, "float32": 4, "int64": 8, "float64": 8}


def check_structure(content: bytes) -> None:
    """Refuse a file whose references or sizes cannot be right.

    Args:
        content: All bytes of a .tflite file.

    Raises:
        MalformedError: It breaks the rules of the format; the message says how.
    """
    model = root_table(content)
    kinds = [_kind(table) for table in model.tables(schema.MODEL_OPERATOR_CODES)]
    buffers = [_size_bytes(table, len(content)) for table in model.tables(schema.MODEL_BUFFERS)]
    constants = [table.raw(schema.BUFFER_DATA) for table in model.tables(schema.MODEL_BUFFERS)]
    graphs = model.tables(schema.MODEL_SUBGRAPHS)
    if not graphs:
        raise MalformedError("has no graph")
    for graph in graphs:
        _check_graph(graph, kinds, buffers, constants)
        _check_order(graph, graph.tables(schema.GRAPH_TENSORS), buffers)


def elements_by_type(content: bytes) -> Counter[str]:
    """How many elements the tensors of a file have, by their type.

    Args:
        content: Of a file that ``check_structure`` accepts.
    """
    elements: Counter[str] = Counter()
    for graph in root_table(content).tables(schema.MODEL_SUBGRAPHS):
        for tensor in graph.tables(schema.GRAPH_TENSORS):
            kind = schema.TENSOR_TYPES[tensor.integer(schema.TENSOR_TYPE, "int8")]
            elements[kind] += math.prod(tensor.integers(schema.TENSOR_SHAPE, "int32", MAX_RANK))
    return elements


def _kind(code: Table) -> str:
    builtin = max(
        code.integer(schema.CODE_DEPRECATED_BUILTIN, "int8"),
        code.integer(schema.CODE_BUILTIN, "int32"),
    )
    return schema.OPERATORS[builtin] if 0 <= builtin < len(schema.OPERATORS) else ""


def _check_graph(
    graph: Table, kinds: list[str], buffers: list[int], constants: list[Bytes | None]
) -> None:
    tensors = graph.tables(schema.GRAPH_TENSORS)
    for tensor in tensors:
        _check_tensor(tensor, buffers)
    for slot in (schema.GRAPH_INPUTS, schema.GRAPH_OUTPUTS):
        _check_indices(graph, slot, len(tensors), lowest=0)
    for operator in graph.tables(schema.GRAPH_OPERATORS):
        code = operator.integer(schema.OPERATOR_CODE, "uint32")
        if code >= len(kinds):
            raise MalformedError(f"refers to operator code {code} of {len(kinds)}")
        _check_indices(operator, schema.OPERATOR_INPUTS, len(tensors), lowest=-1)
        _check_indices(operator, schema.OPERATOR_OUTPUTS, len(tensors), lowest=0)
        given = operator.integers(schema.OPERATOR_INPUTS, "int32", MAX_INDICES)
        fewest = FEWEST_INPUTS.get(kinds[code], 0)
        if len(given) < fewest or min(given[:fewest], default=0) < 0:
            raise MalformedError(f"has a {kinds[code]} without its {fewest} inputs")
        _check_steps(operator.table(schema.OPERATOR_OPTIONS), kinds[code])
        _check_sizes(operator, kinds[code], tensors, constants)
        _check_sum(operator, kinds[code], tensors)


def _check_steps(options: Table | None, kind: str) -> None:
    """Refuse windows that no network has: some kernels go through all of their pixels."""
    if options is None or kind not in STEPS:
        return
    strides, dilations, window = STEPS[kind]
    sides = [options.integer(slot, "int32") for slot in window]
    steps = [options.integer(slot, "int32") for slot in strides]
    steps += [options.integer(slot, "int32", default=1) for slot in dilations]
    for value in (*steps, *sides):
        if not 0 < value <= MAX_STEP:
            raise MalformedError(f"has a stride, dilation or window of {value} in {kind}")
    if math.prod(sides) > MAX_WINDOW:
        raise MalformedError(f"has a window of {math.prod(sides)} pixels in {kind}")


def _check_order(graph: Table, tensors: list[Table], buffers: list[int]) -> None:
    """Refuse a graph that reads what nobody has computed, or computes a tensor twice."""
    inputs = graph.integers(schema.GRAPH_INPUTS, "int32", MAX_INDICES)
    given = set(inputs)
    for index, tensor in enumerate(tensors):
        buffer = tensor.integer(schema.TENSOR_BUFFER, "uint32")
        is_stored = buffer < len(buffers) and buffers[buffer] > 0
        is_empty = 0 in tensor.integers(schema.TENSOR_SHAPE, "int32", MAX_RANK)
        if is_stored or is_empty or tensor.flag(schema.TENSOR_IS_VARIABLE):
            given.add(index)
    computed: set[int] = set()
    for operator in graph.tables(schema.GRAPH_OPERATORS):
        read = set(operator.integers(schema.OPERATOR_INPUTS, "int32", MAX_INDICES)) - {-1}
        if not read <= given | computed:
            missing = min(read - given - computed)
            raise MalformedError(f"reads tensor {missing} before it is computed")
        for index in operator.integers(schema.OPERATOR_OUTPUTS, "int32", MAX_INDICES):
            if index in computed or index in given:
                raise MalformedError(f"computes tensor {index} twice")
            computed.add(index)
    for index in graph.integers(schema.GRAPH_OUTPUTS, "int32", MAX_INDICES):
        if index not in computed and index not in given:
            raise MalformedError(f"gives tensor {index}, which nothing computes")


def _check_sizes(
    operator: Table, kind: str, tensors: list[Table], constants: list[Bytes | None]
) -> None:
    """Refuse sizes that nobody means: LiteRT multiplies them and believes the product."""
    place, lowest = SIZES.get(kind, (0, 0))
    inputs = operator.integers(schema.OPERATOR_INPUTS, "int32", MAX_INDICES)
    if kind not in SIZES or place >= len(inputs) or inputs[place] < 0:
        return
    tensor = tensors[inputs[place]]
    index = tensor.integer(schema.TENSOR_BUFFER, "uint32")
    raw = constants[index] if index < len(constants) else None
    is_int32 = schema.TENSOR_TYPES[tensor.integer(schema.TENSOR_TYPE, "int8")] == "int32"
    if raw is None or not is_int32 or len(raw) % 4:
        return
    values = raw.view("<i4").tolist() if len(raw) <= 4 * MAX_SIZES else []
    elements = 1
    for value in values:
        if value < lowest:
            raise MalformedError(f"has a {kind} to a size of {value}")
        elements *= max(abs(value), 1)
    if elements > MAX_ELEMENTS:
        raise MalformedError(f"has a {kind} to {elements} elements")


def _check_indices(table: Table, slot: int, count: int, lowest: int) -> None:
    for index in table.integers(slot, "int32", MAX_INDICES):
        if not lowest <= index < count:
            raise MalformedError(f"refers to tensor {index} of {count}")


def _check_tensor(tensor: Table, buffers: list[int]) -> None:
    elements, shape = 1, tensor.integers(schema.TENSOR_SHAPE, "int32", MAX_RANK)
    for side in shape:
        if side < -1:
            raise MalformedError(f"has a tensor with a side of {side}")
        elements *= abs(side)
    if elements > MAX_ELEMENTS:
        raise MalformedError(f"has a tensor of {elements} elements")
    code = tensor.integer(schema.TENSOR_TYPE, "int8")
    if not 0 <= code < len(schema.TENSOR_TYPES):
        raise MalformedError(f"has a tensor of the type {code}")
    _check_quantization(tensor, schema.TENSOR_TYPES[code], shape)
    index = tensor.integer(schema.TENSOR_BUFFER, "uint32")
    is_computed = index < len(buffers) and not buffers[index]
    for scale in _scales(tensor) if schema.TENSOR_TYPES[code] in CODES else ():
        least = LEAST_SCALE if is_computed else 0
        if not least <= scale <= LARGEST_SCALE:  # neither is what is no number
            raise MalformedError(f"has a scale of {scale:g}")
    if index >= max(len(buffers), 1):
        raise MalformedError(f"refers to buffer {index} of {len(buffers)}")
    expected = elements * BYTES_PER_ELEMENT.get(schema.TENSOR_TYPES[code], 0)
    stored = buffers[index] if buffers else 0
    if expected and stored and stored < expected and tensor.table(schema.TENSOR_SPARSITY) is None:
        raise MalformedError(f"has {stored} bytes for a tensor that needs {expected}")


def _scales(tensor: Table) -> Sequence[float]:
    quantization = tensor.table(schema.TENSOR_QUANTIZATION)
    if quantization is None:
        return ()
    return quantization.numbers(schema.QUANTIZATION_SCALE, "float32", MAX_SIDE)


def _check_sum(operator: Table, kind: str, tensors: list[Table]) -> None:
    """Refuse a sum whose output is far finer than an input: LiteRT ends the program there."""
    if kind not in ("ADD", "SUB"):
        return
    slots = (schema.OPERATOR_INPUTS, schema.OPERATOR_OUTPUTS)
    given, made = (
        [s for i in operator.integers(slot, "int32", MAX_INDICES) for s in _scales(tensors[i])[:1]]
        for slot in slots
    )
    if made and max(given, default=0) >= MOST_ADDED * made[0]:
        raise MalformedError(f"has scales of {given} in {kind}, and {made[0]:g} of its output")


def _check_quantization(tensor: Table, dtype: str, shape: list[int]) -> None:
    quantization = tensor.table(schema.TENSOR_QUANTIZATION)
    if quantization is None:
        return
    scales = quantization.numbers(schema.QUANTIZATION_SCALE, "float32", MAX_SIDE)
    zero_points = quantization.integers(schema.QUANTIZATION_ZERO_POINT, "int64", MAX_SIDE)
    axis = quantization.integer(schema.QUANTIZATION_AXIS, "int32")
    if len(scales) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scales)):
        raise MalformedError(f"has {len(scales)} scales for a tensor of the shape {tuple(shape)}")
    if len(zero_points) not in (0, 1, len(scales)):
        raise MalformedError(f"has {len(scales)} scales, but {len(zero_points)} zero points")
    low, high = CODES.get(dtype, (-(2**31), 2**31 - 1))
    wrong = [zero_point for zero_point in zero_points if not low <= zero_point <= high]
    if wrong:
        raise MalformedError(f"has a zero point of {wrong[0]} in {dtype}")


def _size_bytes(buffer: Table, file_bytes: int) -> int:
    """Bytes of a buffer; those of files above 2 GB lie outside of the flatbuffer."""
    offset, size = (buffer.integer(s, "uint64") for s in (schema.BUFFER_OFFSET, schema.BUFFER_SIZE))
    if offset > 1:
        if offset + size > file_bytes:
            raise MalformedError(f"refers to bytes {offset} to {offset + size} of {file_bytes}")
        return size
    raw = buffer.raw(schema.BUFFER_DATA)
    return 0 if raw is None else len(raw)
