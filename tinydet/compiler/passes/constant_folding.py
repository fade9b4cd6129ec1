"""Computing beforehand what does not depend on the image: the anchors' sub-graph."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tinydet.compiler.ir import (
    ConcatOptions,
    Constant,
    Graph,
    Op,
    PackOptions,
    StridedSliceOptions,
    Tensor,
    read_only,
)
from tinydet.compiler.passes.editing import without_dead_ops

# Elements of all folded constants together: the anchors of a 416 px network are 72,280. A file that
# TILEs one number to gigabytes is left unfolded, and refused for it.
MAX_FOLDED_ELEMENTS = 2**22


def fold_constants(graph: Graph) -> Graph:
    """Replace ops by constants where all they read is known; SHAPE needs the shape only.

    SHAPE, STRIDED_SLICE, PACK, TILE, RESHAPE, CONCATENATION, QUANTIZE and DEQUANTIZE are folded,
    which covers the sub-graph by which published models repeat their anchors for each image of the
    batch. Others are left as they are.
    """
    tensors = list(graph.tensors)
    ops = []
    budget = MAX_FOLDED_ELEMENTS
    for op in graph.ops:
        output = tensors[op.outputs[0]]
        inputs = [tensors[index] for index in op.inputs if index is not None]
        values = None
        if output.num_elements <= budget and _is_foldable(op, inputs, output):
            values = _folded(op, inputs, output)
        if values is None:
            ops.append(op)
        else:
            budget -= output.num_elements
            tensors[op.outputs[0]] = replace(output, data=values)
    return without_dead_ops(replace(graph, tensors=tuple(tensors), ops=tuple(ops)))


def _is_foldable(op: Op, inputs: list[Tensor], output: Tensor) -> bool:
    if op.kind == "SHAPE":
        return output.dtype in ("int32", "int64")
    if op.kind not in _FOLDERS or any(tensor.data is None for tensor in inputs):
        return False
    if op.kind in ("QUANTIZE", "DEQUANTIZE"):
        return True
    arguments = {"STRIDED_SLICE": 3, "TILE": 1}.get(op.kind, 0)
    values = inputs[: len(inputs) - arguments]
    return all(tensor.dtype == output.dtype for tensor in values)


def _folded(op: Op, inputs: list[Tensor], output: Tensor) -> Constant | None:
    """What an op computes; None where its arguments do not fit the shape of its output."""
    try:
        values = np.asarray(_FOLDERS[op.kind](op, inputs, output))
        return read_only(values.astype(output.dtype).reshape(output.shape))
    except (ValueError, IndexError):
        return None


def _strided_slice(op: Op, inputs: list[Tensor], _: Tensor) -> Constant:
    """A slice of a list; its constraint has seen to the rest."""
    options = op.options
    assert isinstance(options, StridedSliceOptions)
    begin, end, stride = (int(tensor.values[0]) for tensor in inputs[1:4])
    values = inputs[0].values
    if options.shrink_axis_mask & 1:
        return np.asarray(values[begin])
    first = None if options.begin_mask & 1 else begin
    last = None if options.end_mask & 1 else end
    return np.asarray(values[first:last:stride])


def _pack(op: Op, inputs: list[Tensor], _: Tensor) -> Constant:
    assert isinstance(op.options, PackOptions)
    return np.stack([tensor.values for tensor in inputs], axis=op.options.axis)


def _tile(_: Op, inputs: list[Tensor], output: Tensor) -> Constant:
    multiples = [int(m) for m in inputs[1].values.reshape(-1)]
    if tuple(n * m for n, m in zip(inputs[0].shape, multiples, strict=True)) != output.shape:
        raise ValueError("multiples do not fit")  # before they allocate anything
    return np.tile(inputs[0].values, inputs[1].values)


def _concatenation(op: Op, inputs: list[Tensor], _: Tensor) -> Constant:
    assert isinstance(op.options, ConcatOptions)
    return np.concatenate([tensor.values for tensor in inputs], axis=op.options.axis)


def dequantized(tensor: Tensor) -> Constant:
    """The real values of a constant, float32, rounded once as TFLite does."""
    if tensor.dtype == "float32":
        return tensor.values
    centred = tensor.values.astype(np.float64) - tensor.zero_point
    real: Constant = (tensor.scale * centred).astype(np.float32)
    return real


def _quantize(_: Op, inputs: list[Tensor], output: Tensor) -> Constant:
    """float32 / float32, halves away from zero, as TFLite does; also between 8-bit types."""
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = dequantized(inputs[0]) / np.float32(output.scale)
    ratio = np.nan_to_num(ratio.astype(np.float64), nan=0.0, posinf=1e9, neginf=-1e9)
    stored = np.copysign(np.floor(np.abs(ratio) + 0.5), ratio) + output.zero_point
    limits = np.iinfo(output.dtype)
    clipped: Constant = np.clip(stored, limits.min, limits.max)
    return clipped


_FOLDERS: dict[str, Callable[[Op, list[Tensor], Tensor], Constant]] = {
    "SHAPE": lambda _, inputs, __: np.array(inputs[0].shape),
    "STRIDED_SLICE": _strided_slice,
    "PACK": _pack,
    "TILE": _tile,
    "CONCATENATION": _concatenation,
    "RESHAPE": lambda _, inputs, __: inputs[0].values,
    "QUANTIZE": _quantize,
    "DEQUANTIZE": lambda _, inputs, __: dequantized(inputs[0]),
}
