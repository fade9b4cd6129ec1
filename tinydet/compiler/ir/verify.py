"""The rules every graph keeps, checked after reading and after each pass."""

import math
from collections.abc import Iterator

import numpy as np

from tinydet.compiler.ir.graph import BYTES_PER_ELEMENT, MAX_ELEMENTS, MAX_RANK, Graph, Op, Tensor
from tinydet.compiler.ir.options import OPTIONS_OF_KIND
from tinydet.compiler.ir.shapes import output_shape
from tinydet.errors import CompilerError


def verify(graph: Graph) -> None:
    """Check a graph against everything the later stages rely on.

    Tensors are well-formed, ops refer to tensors that exist and are known by then, each tensor is
    written once, names are unique, options belong to their kind, and every output has the shape
    that follows from the inputs.

    Raises:
        CompilerError: With every problem found.
    """
    problems = [p for tensor in graph.tensors for p in tensor_problems(tensor)]
    problems += _reference_problems(graph)
    if not problems:  # what follows looks tensors up
        problems += _order_problems(graph)
        problems += [p for op in graph.ops for p in _op_problems(graph, op)]
        problems += _name_problems(graph)
    if problems:
        raise CompilerError(problems)


def tensor_problems(tensor: Tensor) -> Iterator[str]:
    """What is wrong with a tensor by itself: its shape, its size, its data, its quantization."""
    place = f"tensor {tensor.name!r}"
    if tensor.dtype not in BYTES_PER_ELEMENT:
        yield f"{place} has the unknown type {tensor.dtype}"
        return
    if len(tensor.shape) > MAX_RANK or any(dimension < 1 for dimension in tensor.shape):
        yield f"{place} has the shape {tensor.shape}"
        return
    if tensor.num_elements > MAX_ELEMENTS:
        yield f"{place} has {tensor.num_elements} elements, more than {MAX_ELEMENTS}"
    data = tensor.data
    if data is not None and (
        data.shape != tensor.shape or data.dtype != np.dtype(tensor.dtype) or data.flags.writeable
    ):
        yield f"{place} has data that do not fit its shape and type, or can be written to"
    yield from _quantization_problems(tensor, place)


def _quantization_problems(tensor: Tensor, place: str) -> Iterator[str]:
    quantization = tensor.quantization
    if quantization is None:
        return
    scales, zero_points = quantization.scale, quantization.zero_point
    if not all(math.isfinite(scale) and scale > 0 for scale in scales):
        yield f"{place} has a scale that is not a positive number"
    if len(scales) != len(zero_points) or not scales:
        yield f"{place} has {len(scales)} scales and {len(zero_points)} zero points"
    if len(scales) > 1 and (
        not 0 <= quantization.axis < len(tensor.shape)
        or tensor.shape[quantization.axis] != len(scales)
    ):
        yield f"{place} has {len(scales)} scales along dimension {quantization.axis}"
    if tensor.dtype in ("int8", "uint8", "int16", "int32"):
        limits = np.iinfo(tensor.dtype)
        if not all(limits.min <= zero_point <= limits.max for zero_point in zero_points):
            yield f"{place} has a zero point outside of {tensor.dtype}"


def _reference_problems(graph: Graph) -> Iterator[str]:
    count = len(graph.tensors)
    for outer in (*graph.inputs, *graph.outputs):
        if not 0 <= outer < count:
            yield f"the graph refers to tensor {outer} of {count}"
    for op in graph.ops:
        for index in (*op.inputs, *op.outputs):
            if index is not None and not 0 <= index < count:
                yield f"{op.name} refers to tensor {index} of {count}"


def _order_problems(graph: Graph) -> Iterator[str]:
    known = {index for index, tensor in enumerate(graph.tensors) if tensor.data is not None}
    if known & set(graph.inputs) or len(set(graph.inputs)) != len(graph.inputs):
        yield "an input of the graph is a constant, or given twice"
    known |= set(graph.inputs)
    for op in graph.ops:
        for index in op.inputs:
            if index is not None and index not in known:
                yield f"{op.name} reads {graph.tensors[index].name!r} before it is computed"
        for written in op.outputs:
            if written in known:
                yield f"{op.name} writes {graph.tensors[written].name!r}, which is known already"
            known.add(written)
    for index in graph.outputs:
        if index not in known:
            yield f"output {graph.tensors[index].name!r} is never computed"


def _name_problems(graph: Graph) -> Iterator[str]:
    names: set[str] = set()
    for op in graph.ops:
        if op.name in names:
            yield f"two operators have the name {op.name!r}"
        names.add(op.name)


def _op_problems(graph: Graph, op: Op) -> Iterator[str]:
    expected = OPTIONS_OF_KIND.get(op.kind)
    if expected is None or type(op.options) is not expected:
        yield f"{op.name}: {op.kind} has {type(op.options).__name__}"
        return
    if len(op.outputs) != 1:
        yield f"{op.name}: {op.kind} has {len(op.outputs)} outputs"
        return
    try:
        shape = output_shape(graph, op)
    except ValueError as error:
        yield f"{op.name}: {op.kind} {error}"
        return
    found = graph.output(op).shape
    if shape != found:
        yield f"{op.name}: {op.kind} gives the shape {shape}, but its output has {found}"
