"""Which constant and unread channels can go, and the graph without them.

Channels of different tensors are tied where an operator maps one to one: a depthwise convolution,
an ADD, a resize or a pooling has as many channels as it is given. Tied channels form a class that
is removed as a whole or not at all. A class can go if each convolution that reads one of its
channels either has zero weights for it, or the channel has one value and the convolution cannot
see beyond the edge of the image (or sees the same value there): what the channel contributes is
then a number, which goes into the bias.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tinydet.compiler.ir import (
    ConvOptions,
    DepthwiseOptions,
    Graph,
    Op,
    Quantization,
    Tensor,
    read_only,
    window_padding,
)
from tinydet.compiler.passes.constant_channels.intervals import Interval, channel_intervals
from tinydet.compiler.passes.editing import without_dead_ops

# One input channel makes one output channel (a depthwise convolution: several).
ONE_TO_ONE = (
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
    "QUANTIZE",
    "RELU",
    "RELU6",
)
IMAGE_RANK = 4
MAX_ROUNDS = 20
INT32_LIMIT = 2**31 - 1

Channel = tuple[int, int]  # tensor index, channel


@dataclass(frozen=True)
class RemovedChannel:
    """A channel that is no longer computed.

    Attributes:
        tensor: Index of the tensor in the graph before.
        channel: Its channel there.
        value: The one value it can take; None where it has several but nobody reads it.
    """

    tensor: int
    channel: int
    value: int | None


class _Classes:
    """Disjoint sets of channels (union-find)."""

    def __init__(self) -> None:
        self._parents: dict[Channel, Channel] = {}

    def root(self, channel: Channel) -> Channel:
        path = []
        while channel in self._parents:
            path.append(channel)
            channel = self._parents[channel]
        for passed in path:
            self._parents[passed] = channel
        return channel

    def tie(self, a: Channel, b: Channel) -> None:
        root_a, root_b = self.root(a), self.root(b)
        if root_a != root_b:
            self._parents[root_b] = root_a


def eliminate_constant_channels(graph: Graph) -> Graph:
    """Remove constant and unread channels until none is left to remove; each round is checked.

    Args:
        graph: Lowered and verified.

    Returns:
        A graph with the same outputs for every input, bit for bit.

    Raises:
        CompilerError: The checker found a removal that is not justified (a bug of ours).
    """
    from tinydet.compiler.passes.constant_channels.checker import check_removal

    for _ in range(MAX_ROUNDS):
        smaller, removed = remove_constant_channels(graph)
        if not removed:
            break
        check_removal(graph, smaller, removed)
        graph = without_dead_ops(smaller)
    return graph


def remove_constant_channels(graph: Graph) -> tuple[Graph, tuple[RemovedChannel, ...]]:
    """One round of removal.

    Returns:
        The graph with the same ops and the same tensor indices (new constants are appended), and
        what was removed.
    """
    intervals = channel_intervals(graph)
    classes = _tied_channels(graph)
    kept = {classes.root(channel) for channel in _needed(graph, intervals)}
    removed: dict[int, list[int]] = {}
    for op in graph.ops:
        tensor = graph.output(op)
        if op.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", *ONE_TO_ONE):
            continue
        for channel in range(tensor.shape[-1]):
            if classes.root((op.outputs[0], channel)) not in kept:
                removed.setdefault(op.outputs[0], []).append(channel)
    records = tuple(
        RemovedChannel(index, channel, constant_value(intervals.get(index), channel))
        for index, channels in sorted(removed.items())
        for channel in channels
    )
    return _Rewriter(graph, removed, intervals).rewritten(), records


def constant_value(bounds: Interval | None, channel: int) -> int | None:
    """The one value of a channel, None where it has several."""
    if bounds is None or bounds.low[channel] != bounds.high[channel]:
        return None
    return int(bounds.low[channel])


def _ties(graph: Graph, op: Op) -> bool:
    """Whether an op maps channels one to one (or one to several)."""
    shape = graph.output(op).shape
    if len(shape) != IMAGE_RANK:
        return False
    if op.kind == "ADD":
        return all(i is not None and graph.tensors[i].data is None for i in op.inputs) and all(
            graph.required_input(op, i).shape == shape for i in range(2)
        )
    return op.kind in ("DEPTHWISE_CONV_2D", *ONE_TO_ONE)


def _tied_channels(graph: Graph) -> _Classes:
    classes = _Classes()
    for op in graph.ops:
        if not _ties(graph, op):
            continue
        multiplier = op.options.multiplier if isinstance(op.options, DepthwiseOptions) else 1
        sources = [op.source(i) for i in range(2 if op.kind == "ADD" else 1)]
        for channel in range(graph.output(op).shape[-1]):
            for index in sources:
                classes.tie((index, channel // multiplier), (op.outputs[0], channel))
    return classes


def _needed(graph: Graph, intervals: dict[int, Interval]) -> Iterator[Channel]:
    """Channels that cannot go, and one of each tensor, as none may become empty."""
    for index in (*graph.inputs, *graph.outputs):
        yield from _all_channels(graph, index)
    for op in graph.ops:
        if op.kind == "CONV_2D":
            yield from _needed_by_convolution(graph, op, intervals)
        elif not _ties(graph, op):
            for source in (*op.inputs, *op.outputs):
                if source is not None:
                    yield from _all_channels(graph, source)
        yield op.outputs[0], 0


def _all_channels(graph: Graph, index: int) -> Iterator[Channel]:
    shape = graph.tensors[index].shape
    yield from ((index, channel) for channel in range(shape[-1] if shape else 0))


def _needed_by_convolution(
    graph: Graph, op: Op, intervals: dict[int, Interval]
) -> Iterator[Channel]:
    index = op.source()
    read = np.any(graph.required_input(op, 1).values != 0, axis=(0, 1, 2))
    zero_point = graph.tensors[index].zero_point
    sees_edge = any(window_padding(graph, op))
    for channel in np.flatnonzero(read):
        value = constant_value(intervals.get(index), int(channel))
        if value is None or (sees_edge and value != zero_point):
            yield index, int(channel)


class _Rewriter:
    """Makes the graph without some channels.

    Args:
        graph: The graph before.
        removed: Tensor index -> ascending channels that go.
        intervals: Of the graph before.
    """

    def __init__(
        self, graph: Graph, removed: dict[int, list[int]], intervals: dict[int, Interval]
    ) -> None:
        self._removed = removed
        self._intervals = intervals
        self._before = graph
        self._tensors = [self._narrowed(i, t) for i, t in enumerate(graph.tensors)]

    def rewritten(self) -> Graph:
        """The graph after."""
        ops = tuple(
            self._weighted(op) if isinstance(op.options, ConvOptions) else op
            for op in self._before.ops
        )
        return replace(self._before, tensors=tuple(self._tensors), ops=ops)

    def _kept(self, index: int) -> list[int]:
        gone = set(self._removed.get(index, ()))
        return [c for c in range(self._before.tensors[index].shape[-1]) if c not in gone]

    def _narrowed(self, index: int, tensor: Tensor) -> Tensor:
        if index not in self._removed:
            return tensor
        return replace(tensor, shape=(*tensor.shape[:-1], len(self._kept(index))))

    def _weighted(self, op: Op) -> Op:
        """A convolution with the rows and columns that are left, the rest in its bias."""
        source, output = op.source(), op.outputs[0]
        if source not in self._removed and output not in self._removed:
            return op
        kept_out = self._kept(output)
        weights, bias = self._before.required_input(op, 1), self._before.input(op, 2)
        if op.kind == "DEPTHWISE_CONV_2D":
            channels = 3
            data = weights.values[..., kept_out]
            sums = np.zeros(len(kept_out), np.int64)
        else:
            channels = 0
            rows = weights.values[kept_out]
            data, sums = rows[..., self._kept(source)], self._contribution(source, rows)
        quantization = _narrowed_quantization(weights.quantization, channels, kept_out)
        new_weights = self._constant(weights, data, quantization)
        if bias is not None:
            sums = sums + bias.values.reshape(-1)[kept_out]
        elif not sums.any():
            return replace(op, inputs=(source, new_weights))
        assert np.abs(sums).max(initial=0) <= INT32_LIMIT  # see accumulator_fits
        pattern = bias or Tensor(f"{op.name}_bias", (), "int32")
        quantization = _narrowed_quantization(pattern.quantization, 0, kept_out)
        new_bias = self._constant(pattern, sums.astype(np.int32), quantization)
        return replace(op, inputs=(source, new_weights, new_bias))

    def _contribution(self, source: int, rows: np.ndarray) -> np.ndarray:
        """What the removed channels add to each sum: int64 ``[outputs]``."""
        sums = np.zeros(len(rows), np.int64)
        for channel in self._removed.get(source, ()):
            value = constant_value(self._intervals.get(source), channel)
            if value is not None:  # otherwise all its weights are 0
                taps = rows[..., channel].astype(np.int64).sum(axis=(1, 2))
                sums += taps * (value - self._before.tensors[source].zero_point)
        return sums

    def _constant(
        self, pattern: Tensor, data: np.ndarray, quantization: Quantization | None
    ) -> int:
        tensor = Tensor(pattern.name, data.shape, pattern.dtype, quantization, read_only(data))
        self._tensors.append(tensor)
        return len(self._tensors) - 1


def _narrowed_quantization(
    quantization: Quantization | None, axis: int, kept: list[int]
) -> Quantization | None:
    if quantization is None or len(quantization.scale) == 1:
        return quantization
    return Quantization(
        tuple(quantization.scale[c] for c in kept),
        tuple(quantization.zero_point[c] for c in kept),
        axis if len(kept) > 1 else 0,
    )
