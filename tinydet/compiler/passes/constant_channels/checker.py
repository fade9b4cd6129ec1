"""Proof that a removal of channels changes no output; shares no code with what removes them."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tinydet.compiler.ir import DepthwiseOptions, Graph, Op, Tensor, window_padding
from tinydet.compiler.passes.constant_channels.bounds import value_bounds
from tinydet.errors import CompilerError

CHANNEL_BY_CHANNEL = (
    "ADD",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
    "QUANTIZE",
    "RELU",
    "RELU6",
)
Removals = dict[int, dict[int, "int | None"]]  # tensor -> channel -> its one value


def check_removal(before: Graph, after: Graph, removed: Sequence[object]) -> None:
    """Check every removed channel and every changed number.

    A value that is claimed must be the only one within the bounds of its channel. The graph after
    must be the graph before without these channels: the same ops, weights and scales for what is
    left, and in each bias exactly what the removed channels contributed.

    Args:
        before: The graph before.
        after: The graph after, with the same ops and tensor indices.
        removed: ``RemovedChannel`` records.

    Raises:
        CompilerError: With everything that does not hold.
    """
    removals: Removals = {}
    for record in removed:
        tensor, channel, value = (getattr(record, n) for n in ("tensor", "channel", "value"))
        removals.setdefault(tensor, {})[channel] = value
    problems = [*_value_problems(before, removals), *_graph_problems(before, after, removals)]
    if problems:
        raise CompilerError(problems)


def _value_problems(before: Graph, removals: Removals) -> Iterator[str]:
    bounds = value_bounds(before)
    for index, channels in removals.items():
        name = before.tensors[index].name
        for channel, value in channels.items():
            low, high = bounds[index][channel]
            if value is not None and not low == high == value:
                yield f"channel {channel} of {name} is in {low}..{high}, not always {value}"


def _graph_problems(before: Graph, after: Graph, removals: Removals) -> Iterator[str]:
    if before.inputs != after.inputs or before.outputs != after.outputs:
        yield "inputs or outputs of the graph differ"
    for index in (*before.inputs, *before.outputs):
        if removals.get(index):
            yield f"{before.tensors[index].name} is an input or output and lost channels"
    for index, tensor in enumerate(before.tensors):
        yield from _tensor_problems(tensor, after.tensors[index], removals.get(index, {}))
    if len(before.ops) != len(after.ops):
        yield "the graphs have different ops"
    for old, new in zip(before.ops, after.ops, strict=False):
        same = (old.kind, old.name, old.options, old.outputs, old.inputs[:1]) == (
            new.kind,
            new.name,
            new.options,
            new.outputs,
            new.inputs[:1],
        )
        if not same:
            yield f"{old.name} has changed"
        elif old.kind == "CONV_2D":
            yield from _convolution_problems(before, after, old, new, removals)
        elif old.kind == "DEPTHWISE_CONV_2D":
            yield from _depthwise_problems(before, after, old, new, removals)
        else:
            yield from _other_problems(old, new, removals)


def _tensor_problems(old: Tensor, new: Tensor, gone: dict[int, int | None]) -> Iterator[str]:
    if not gone:
        if old is not new:
            yield f"{old.name} has changed"
        return
    left = old.shape[-1] - len(gone)
    expected = (*old.shape[:-1], left)
    whole = (old.dtype, old.quantization, old.data) == (new.dtype, new.quantization, new.data)
    if new.shape != expected or left < 1 or not whole or old.data is not None:
        yield f"{old.name} is not itself without {len(gone)} channels"


def _other_problems(old: Op, new: Op, removals: Removals) -> Iterator[str]:
    if old.inputs != new.inputs:
        yield f"{old.name} has other inputs"
    touched = [set(removals.get(i, {})) for i in (*old.inputs, *old.outputs) if i is not None]
    if old.kind in CHANNEL_BY_CHANNEL:
        if any(channels != touched[0] for channels in touched):
            yield f"{old.name} lost different channels in its input and output"
    elif any(touched):
        yield f"{old.name} is a {old.kind}, of which no channel may go"


def _numbers(tensor: Tensor | None, count: int) -> npt.NDArray[np.int64]:
    if tensor is None or tensor.data is None:
        return np.zeros(count, np.int64)
    return tensor.data.reshape(-1).astype(np.int64)


def _scales(tensor: Tensor | None, kept: npt.NDArray[np.int64]) -> tuple[object, ...] | None:
    if tensor is None or tensor.quantization is None:
        return None
    pairs = list(zip(tensor.quantization.scale, tensor.quantization.zero_point, strict=True))
    if len(pairs) == 1:
        return (pairs[0],) * len(kept)
    return tuple(pairs[i] for i in kept if i < len(pairs))


def _left(before: Graph, index: int, removals: Removals) -> npt.NDArray[np.int64]:
    mask = np.ones(before.tensors[index].shape[-1], np.bool_)
    mask[list(removals.get(index, {}))] = False
    return np.flatnonzero(mask)


def _convolution_problems(
    before: Graph, after: Graph, old: Op, new: Op, removals: Removals
) -> Iterator[str]:
    source, target = old.source(), old.outputs[0]
    columns, rows = _left(before, source, removals), _left(before, target, removals)
    weights = before.required_input(old, 1).values
    remaining = after.required_input(new, 1).values
    if not np.array_equal(remaining, weights[np.ix_(rows, *_all(weights, 1, 2), columns)]):
        yield f"{old.name} has other weights"
    expected = _numbers(before.input(old, 2), len(weights))[rows]
    zero_point = before.tensors[source].zero_point
    sees_edge = any(window_padding(before, old))
    for channel, value in removals.get(source, {}).items():
        taps = weights[rows][..., channel].astype(np.int64)
        if not taps.any():
            continue
        if value is None or (sees_edge and value != zero_point):
            yield f"{old.name} reads channel {channel}, which was removed"
        else:
            expected = expected + (value - zero_point) * taps.sum(axis=(1, 2))
    yield from _bias_and_scale_problems(before, after, old, new, (rows, expected))


def _depthwise_problems(
    before: Graph, after: Graph, old: Op, new: Op, removals: Removals
) -> Iterator[str]:
    assert isinstance(old.options, DepthwiseOptions)
    source, target = old.source(), old.outputs[0]
    kept = _left(before, target, removals)
    groups = _left(before, source, removals)
    multiplier = old.options.multiplier
    if [c * multiplier + m for c in groups.tolist() for m in range(multiplier)] != kept.tolist():
        yield f"{old.name} lost different channels in its input and output"
    weights = before.required_input(old, 1).values
    remaining = after.required_input(new, 1).values
    if not np.array_equal(remaining, weights[np.ix_(*_all(weights, 0, 1, 2), kept)]):
        yield f"{old.name} has other weights"
    expected = _numbers(before.input(old, 2), weights.shape[3])[kept]
    yield from _bias_and_scale_problems(before, after, old, new, (kept, expected))


def _all(weights: npt.NDArray[np.int8], *axes: int) -> list[npt.NDArray[np.int64]]:
    return [np.arange(weights.shape[axis]) for axis in axes]


def _bias_and_scale_problems(
    before: Graph,
    after: Graph,
    old: Op,
    new: Op,
    expected: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
) -> Iterator[str]:
    kept, bias = expected
    if not np.array_equal(_numbers(after.input(new, 2), len(kept)), bias):
        yield f"{old.name} has another bias"
    everything = np.arange(len(kept))
    old_scales = _scales(before.required_input(old, 1), kept)
    if old_scales != _scales(after.required_input(new, 1), everything):
        yield f"{old.name} has other scales"
