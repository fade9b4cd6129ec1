"""The checker's own bounds of channel values; shares no code with ``intervals.py``.

Midpoints and radii instead of signed parts, Python integers and halves away from zero instead of
64-bit shifts: two ways to the same numbers, of which one would have to fail alone.
"""

import math

import numpy as np
import numpy.typing as npt

from tinydet.compiler.ir import DepthwiseOptions, Graph, Op, Tensor, window_padding

Bounds = list[tuple[int, int]]  # per channel (least, greatest) stored value
TYPE_BOUNDS = {"int8": (-128, 127), "uint8": (0, 255)}
ONE_INPUT = (
    "PAD",
    "QUANTIZE",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
)


def value_bounds(graph: Graph) -> dict[int, Bounds]:
    """Bounds per channel of all computed 8-bit tensors, by index."""
    bounds: dict[int, Bounds] = {}
    for index in graph.inputs:
        bounds[index] = _any_value(graph.tensors[index])
    for op in graph.ops:
        target = op.outputs[0]
        if graph.tensors[target].dtype not in TYPE_BOUNDS:
            continue
        known = all(i in bounds for i in op.inputs[: 2 if op.kind == "ADD" else 1])
        if known and op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            bounds[target] = _convolution(graph, op, bounds)
        elif known and op.kind == "ADD" and _same_shapes(graph, op):
            bounds[target] = _addition(graph, op, bounds)
        elif known and op.kind in ONE_INPUT:
            bounds[target] = _one_input(graph, op, bounds[op.source()])
        else:
            bounds[target] = _any_value(graph.tensors[target])
    return bounds


def _one_input(graph: Graph, op: Op, bounds: Bounds) -> Bounds:
    """Bounds behind an op that maps channels one to one and keeps their order of values."""
    source, output = graph.required_input(op, 0), graph.output(op)
    if len(bounds) != output.shape[-1]:  # padded channels
        return _any_value(output)
    if op.kind == "PAD":
        outside = output.zero_point
        return [(min(low, outside), max(high, outside)) for low, high in bounds]
    factor = _factor(source.scale / output.scale) if op.kind == "QUANTIZE" else None

    def stored(value: int) -> int:
        centred = value - source.zero_point
        return _stored(op, output, centred if factor is None else _scaled(centred, factor))

    return [(stored(low), stored(high)) for low, high in bounds]


def _same_shapes(graph: Graph, op: Op) -> bool:
    shape = graph.output(op).shape
    return all(graph.tensors[op.source(i)].shape == shape for i in range(2))


def _any_value(tensor: Tensor) -> Bounds:
    return [TYPE_BOUNDS[tensor.dtype]] * (tensor.shape[-1] if tensor.shape else 1)


def _factor(real: float) -> tuple[int, int]:
    """``(m, e)`` with ``real ~ m / 2**31 * 2**e``, m in [2**30, 2**31), as TFLite rounds it."""
    mantissa, exponent = math.frexp(real)
    numerator, denominator = mantissa.as_integer_ratio()
    m = (2 * numerator * 2**31 + denominator) // (2 * denominator)
    if m == 2**31:
        m, exponent = 2**30, exponent + 1
    return (m, exponent) if exponent >= -31 else (0, 0)


def _scaled(value: int, factor: tuple[int, int]) -> int:
    """Both roundings of the kernels: halves up at 2**31, then halves away from zero."""
    m, exponent = factor
    product = value * 2 ** max(exponent, 0) * m
    high = (2 * product + 2**31) // 2**32
    power = 2 ** max(-exponent, 0)
    magnitude = (2 * abs(high) + power) // (2 * power)
    return int(magnitude if high >= 0 else -magnitude)


def _stored(op: Op, output: Tensor, scaled: int) -> int:
    low, high = TYPE_BOUNDS[output.dtype]
    activation = getattr(op.options, "activation", "NONE")
    real = {"RELU": (0.0, None), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}
    least, most = real.get(activation, (None, None))
    if least is not None:
        low = max(low, output.zero_point + _nearest(least, output.scale))
    if most is not None:
        high = min(high, output.zero_point + _nearest(most, output.scale))
    return min(max(scaled + output.zero_point, low), high)


def _nearest(real: float, scale: float) -> int:
    quotient = float(np.float32(real) / np.float32(scale))
    return math.floor(quotient + 0.5) if quotient >= 0 else math.ceil(quotient - 0.5)


def _convolution(graph: Graph, op: Op, bounds: dict[int, Bounds]) -> Bounds:
    source, weights = graph.required_input(op, 0), graph.required_input(op, 1)
    output, bias = graph.output(op), graph.input(op, 2)
    assert weights.quantization is not None
    edges = any(window_padding(graph, op))
    ranges = []
    for low, high in bounds[op.source()]:
        least, most = low - source.zero_point, high - source.zero_point
        ranges.append((min(least, 0), max(most, 0)) if edges else (least, most))
    twice_middle = np.array([low + high for low, high in ranges], object)
    twice_radius = np.array([high - low for low, high in ranges], object)
    filters = _filters(op, weights.values)
    result = []
    scales = weights.quantization.scale
    for channel in range(output.shape[-1]):
        taps, absolute, sources = filters(channel)
        middle = int((taps * twice_middle[sources]).sum())
        radius = int((absolute * twice_radius[sources]).sum())
        offset = 0 if bias is None or bias.data is None else int(bias.data.reshape(-1)[channel])
        scale = scales[channel if len(scales) > 1 else 0]
        factor = _factor(source.scale * scale / output.scale)
        ends = ((middle - radius) // 2 + offset, (middle + radius) // 2 + offset)
        low, high = (_stored(op, output, _scaled(end, factor)) for end in ends)
        result.append((low, high))
    return result


class _filters:  # noqa: N801 - used as a function
    """Sums of weights, and of their magnitudes, that an output channel has per input channel."""

    def __init__(self, op: Op, weights: npt.NDArray[np.int8]) -> None:
        wide = weights.astype(np.int64)
        self._multiplier = (
            op.options.multiplier if isinstance(op.options, DepthwiseOptions) else None
        )
        # A range is the same for all taps of a channel, so their weights can be summed first.
        axes = (0, 1, 2) if self._multiplier else (1, 2)
        self._sums, self._absolute = wide.sum(axis=axes), np.abs(wide).sum(axis=axes)

    def __call__(
        self, channel: int
    ) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_], slice]:
        if self._multiplier:
            own, source = slice(channel, channel + 1), channel // self._multiplier
            sources = slice(source, source + 1)
            return self._sums[own].astype(object), self._absolute[own].astype(object), sources
        row = self._sums[channel].astype(object), self._absolute[channel].astype(object)
        return (*row, slice(None))


def _addition(graph: Graph, op: Op, bounds: dict[int, Bounds]) -> Bounds:
    a, b, output = graph.required_input(op, 0), graph.required_input(op, 1), graph.output(op)
    twice = 2 * max(a.scale, b.scale)
    factor_a, factor_b = _factor(a.scale / twice), _factor(b.scale / twice)
    factor = _factor(twice / (2**20 * output.scale))
    result = []
    pairs = zip(bounds[op.source()], bounds[op.source(1)], strict=True)
    for range_a, range_b in pairs:
        ends = [
            _scaled((in_a - a.zero_point) * 2**20, factor_a)
            + _scaled((in_b - b.zero_point) * 2**20, factor_b)
            for in_a, in_b in zip(range_a, range_b, strict=True)
        ]
        low, high = (_stored(op, output, _scaled(end, factor)) for end in ends)
        result.append((low, high))
    return result
