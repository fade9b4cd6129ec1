"""A slow int8 interpreter of the compiler's graph: the oracle of kernels, passes and generated C.

It shares no code with ``tinydet.compiler`` beyond the graph itself: factors, fixed-point
arithmetic and activations are written out here again, in int64 and Python integers, after the
reference kernels of LiteRT (``BUILTIN_REF``, double rounding).
"""

import math

import numpy as np

from tinydet.compiler.ir import Graph, window_padding

LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}


def run(graph: Graph, *images: np.ndarray) -> dict[int, np.ndarray]:
    """All tensors of a graph, by index, for images given in the order of its inputs."""
    values = {i: np.asarray(t.data) for i, t in enumerate(graph.tensors) if t.data is not None}
    for index, image in zip(graph.inputs, images, strict=True):
        tensor = graph.tensors[index]
        assert image.shape == tensor.shape
        assert image.dtype == np.dtype(tensor.dtype)
        values[index] = image
    for op in graph.ops:
        inputs = [None if i is None else values[i] for i in op.inputs]
        result = KERNELS[op.kind](graph, op, *inputs)
        target = graph.output(op)
        assert result.shape == target.shape, (op.name, result.shape, target.shape)
        values[op.outputs[0]] = result.astype(target.dtype)
    return values


def run_outputs(graph: Graph, *images: np.ndarray) -> list[np.ndarray]:
    """The outputs of a graph, in their order."""
    values = run(graph, *images)
    return [values[index] for index in graph.outputs]


def fixed_point(real: float) -> tuple[int, int]:
    """(multiplier Q0.31, shift), positive shift = left."""
    if real == 0:
        return 0, 0
    shift = 0
    while real >= 1:  # powers of two are exact in float64
        real, shift = real / 2, shift + 1
    while real < 0.5:
        real, shift = real * 2, shift - 1
    multiplier = int(real * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def divide_away(value: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """``value / 2**exponent``, halves away from zero."""
    value = np.asarray(value, np.int64)
    exponent = np.asarray(exponent, np.int64)
    half = np.where(exponent > 0, np.int64(1) << np.maximum(exponent - 1, 0), 0)
    return np.sign(value) * ((np.abs(value) + half) >> exponent)


def high_multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a * b / 2**31`` rounded by adding half towards the product's sign and cutting."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    nudged = product + np.where(product >= 0, 2**30, 1 - 2**30)
    return np.sign(nudged) * (np.abs(nudged) >> 31)


def rescale(values: np.ndarray, factors: list[tuple[int, int]] | tuple[int, int]) -> np.ndarray:
    """Multiply by a real factor in fixed point; a list gives one factor per last dimension."""
    listed = factors if isinstance(factors, list) else [factors]
    multiplier = np.array([m for m, _ in listed], np.int64)
    shift = np.array([s for _, s in listed], np.int64)
    raised = np.asarray(values, np.int64) << np.maximum(shift, 0)
    assert np.abs(raised).max(initial=0) < 2**31, "the reference would overflow"
    return divide_away(high_multiply(raised, multiplier), np.maximum(-shift, 0))


def round_away(value: float) -> int:
    return math.floor(value + 0.5) if value >= 0 else -math.floor(-value + 0.5)


def clamp(tensor, activation: str, values: np.ndarray) -> np.ndarray:
    low, high = LIMITS[tensor.dtype]

    def stored(real):
        return tensor.zero_point + round_away(float(np.float32(real) / np.float32(tensor.scale)))

    if activation in ("RELU", "RELU6"):
        low = max(low, stored(0.0))
    if activation == "RELU6":
        high = min(high, stored(6.0))
    if activation == "RELU_N1_TO_1":
        low, high = max(low, stored(-1.0)), min(high, stored(1.0))
    return np.clip(values, low, high)


def windows(graph, op, values, outside):
    """``[H, W, taps, C]``: what each output pixel sees, ``outside`` beyond the edges."""
    options = op.options
    _, rows, columns, _ = graph.output(op).shape
    if hasattr(options, "filter_height"):
        height, width, dy, dx = options.filter_height, options.filter_width, 1, 1
    else:
        _, height, width, _ = graph.required_input(op, 1).shape
        dy, dx = options.dilation_height, options.dilation_width
    top, bottom, left, right = window_padding(graph, op)
    padded = np.pad(values[0], ((top, bottom), (left, right), (0, 0)), constant_values=outside)
    sy, sx = options.stride_height, options.stride_width
    taps = [
        padded[i * dy :, j * dx :][: (rows - 1) * sy + 1 : sy, : (columns - 1) * sx + 1 : sx]
        for i in range(height)
        for j in range(width)
    ]
    return np.stack(taps, axis=2)


def weighted_factors(graph, op):
    weights = graph.required_input(op, 1)
    scale_in, scale_out = graph.required_input(op, 0).scale, graph.output(op).scale
    return [fixed_point(scale_in * w / scale_out) for w in weights.quantization.scale]


def rescale_once(values: np.ndarray, factors: list[tuple[int, int]]) -> np.ndarray:
    """As ``rescale``, but rounded once, halves upwards; in Python's integers."""
    multiplier, shift = (np.array(column, object) for column in zip(*factors, strict=True))
    doubled = 2 * values.astype(object) * multiplier + 2 ** (31 - shift)
    return (doubled // 2 ** (32 - shift)).astype(np.int64)


def finish_weighted(graph, op, sums, bias, rescale=rescale):
    total = sums if bias is None else sums + bias.reshape(-1).astype(np.int64)
    output = graph.output(op)
    scaled = rescale(total, weighted_factors(graph, op)) + output.zero_point
    return clamp(output, op.options.activation, scaled)


def conv(graph, op, values, weights, bias=None):
    centred = values.astype(np.int64) - graph.required_input(op, 0).zero_point
    seen = windows(graph, op, centred, 0)
    # Sums of 8-bit products stay far below 2**53: float64 is exact and much faster than int64.
    matrix = weights.reshape(len(weights), -1).astype(np.float64)
    sums = seen.reshape(-1, matrix.shape[1]).astype(np.float64) @ matrix.T
    shaped = sums.astype(np.int64).reshape(1, *seen.shape[:2], len(weights))
    return finish_weighted(graph, op, shaped, bias)


def depthwise(graph, op, values, weights, bias=None):
    centred = values.astype(np.int64) - graph.required_input(op, 0).zero_point
    seen = np.repeat(windows(graph, op, centred, 0), op.options.multiplier, axis=3)
    taps = weights.reshape(-1, weights.shape[3]).astype(np.int64)
    return finish_weighted(graph, op, (seen * taps).sum(axis=2)[None], bias)


def fully_connected(graph, op, values, weights, bias=None):
    centred = values.astype(np.int64) - graph.required_input(op, 0).zero_point
    sums = centred.reshape(-1, weights.shape[1]) @ weights.T.astype(np.int64)
    return finish_weighted(graph, op, sums, bias, rescale_once).reshape(graph.output(op).shape)


def add(graph, op, a, b):
    first, second, output = (
        graph.required_input(op, 0),
        graph.required_input(op, 1),
        graph.output(op),
    )
    twice = 2 * max(first.scale, second.scale)
    total = sum(
        rescale((values.astype(np.int64) - t.zero_point) << 20, fixed_point(t.scale / twice))
        for values, t in ((a, first), (b, second))
    )
    scaled = rescale(total, fixed_point(twice / (2**20 * output.scale))) + output.zero_point
    return clamp(output, op.options.activation, scaled)


def mul(graph, op, a, b):
    first, second, output = (
        graph.required_input(op, 0),
        graph.required_input(op, 1),
        graph.output(op),
    )
    product = (a.astype(np.int64) - first.zero_point) * (b.astype(np.int64) - second.zero_point)
    real = np.float32(first.scale) * np.float32(second.scale) / np.float32(output.scale)
    scaled = rescale(product, fixed_point(float(real))) + output.zero_point
    return clamp(output, op.options.activation, scaled)


def pad(graph, op, values):
    return np.pad(values, op.options.paddings, constant_values=graph.output(op).zero_point)


def resize_bilinear(graph, op, values):
    _, height, width, _ = values.shape
    _, rows, columns, _ = graph.output(op).shape

    def places(size_in, size_out):
        over, under = size_in, size_out
        if op.options.align_corners and size_out > 1:
            over, under = size_in - 1, size_out - 1
        scale = (1024 * over + under // 2) // under
        at = np.arange(size_out) * scale
        if op.options.half_pixel_centers:
            at = at + scale // 2 - 512
        # C divides towards zero and the reference takes the maximum with 0.
        low = np.maximum(np.trunc(at / 1024).astype(int), 0)
        high = np.minimum((at + 1023) // 1024, size_in - 1)
        return at, low, np.maximum(high, 0)

    y, y0, y1 = places(height, rows)
    x, x0, x1 = places(width, columns)
    image = values[0].astype(np.int64)
    fy, fx = (y - 1024 * y0)[:, None, None], (x - 1024 * x0)[None, :, None]
    total = (
        image[y0][:, x0] * (1024 - fy) * (1024 - fx)
        + image[y1][:, x0] * fy * (1024 - fx)
        + image[y0][:, x1] * (1024 - fy) * fx
        + image[y1][:, x1] * fy * fx
    )
    return (np.sign(total) * ((np.abs(total) + 2**19) >> 20))[None]


def resize_nearest(graph, op, values):
    def places(size_in, size_out):
        corners = op.options.align_corners and size_out > 1
        scale = np.float32(size_in - corners) / np.float32(size_out - corners)
        offset = np.float32(0.5 if op.options.half_pixel_centers else 0)
        at = [np.float32(np.float32(i) + offset) * scale for i in range(size_out)]
        whole = [round_away(float(v)) if op.options.align_corners else math.floor(v) for v in at]
        return np.clip(whole, 0, size_in - 1)

    _, rows, columns, _ = graph.output(op).shape
    return values[:, places(values.shape[1], rows)][:, :, places(values.shape[2], columns)]


def average_pool(graph, op, values):
    sums = windows(graph, op, values.astype(np.int64), 0).sum(axis=2)
    count = windows(graph, op, np.ones(values.shape, np.int64), 0).sum(axis=2)
    mean = np.sign(sums) * ((np.abs(sums) + count // 2) // count)
    return clamp(graph.output(op), op.options.activation, mean[None])


def max_pool(graph, op, values):
    seen = windows(graph, op, values.astype(np.int64), -(10**6)).max(axis=2)
    return clamp(graph.output(op), op.options.activation, seen[None])


def mean(graph, op, values):
    source, output = graph.required_input(op, 0), graph.output(op)
    count = math.prod(values.shape[axis] for axis in op.options.axes)
    centred = values.astype(np.int64) - source.zero_point
    sums = centred.sum(axis=op.options.axes, keepdims=op.options.keep_dims)
    multiplier, shift = fixed_point(source.scale / output.scale)
    raised = min(63 - (64 - count.bit_length()), 32, 31 + shift)
    factor = ((multiplier << raised) // count, shift - raised)
    return np.clip(rescale(sums, factor) + output.zero_point, *LIMITS[output.dtype])


def quantize(graph, op, values):
    source, output = graph.required_input(op, 0), graph.output(op)
    centred = values.astype(np.int64) - source.zero_point
    scaled = rescale(centred, fixed_point(source.scale / output.scale)) + output.zero_point
    return np.clip(scaled, *LIMITS[output.dtype])


def dequantize(graph, op, values):
    source = graph.required_input(op, 0)
    return (source.scale * (values.astype(np.float64) - source.zero_point)).astype(np.float32)


def rectify(activation):
    def kernel(graph, op, values):
        source, output = graph.required_input(op, 0), graph.output(op)
        real = float(np.float32(source.scale) / np.float32(output.scale))
        centred = values.astype(np.int64) - source.zero_point
        scaled = rescale(centred, fixed_point(real)) + output.zero_point
        return clamp(output, activation, scaled)

    return kernel


def logistic(graph, op, values):
    source, output = graph.required_input(op, 0), graph.output(op)
    real = np.float32(source.scale) * (values.astype(np.int32) - source.zero_point).astype(
        np.float32
    )
    with np.errstate(over="ignore"):
        exponential = np.exp(-real.astype(np.float64)).astype(np.float32)
    probability = np.float32(1) / (np.float32(1) + exponential)
    scaled = np.float32(probability * (np.float32(1) / np.float32(output.scale)))
    stored = np.floor(scaled.astype(np.float64) + 0.5) + output.zero_point
    return np.clip(stored, *LIMITS[output.dtype])


def lookup(_, op, values):
    return np.array(op.options.table)[values.astype(np.int8).view(np.uint8)]


def saturating_high_multiply(a: int, b: int) -> int:
    """gemmlowp's SaturatingRoundingDoublingHighMul on Python integers."""
    product = a * b
    nudged = product + (2**30 if product >= 0 else 1 - 2**30)
    return min(nudged // 2**31 if nudged >= 0 else -(-nudged // 2**31), 2**31 - 1)


def divide_by_power(value: int, exponent: int) -> int:
    half = 1 << (exponent - 1)
    return (value + half) >> exponent if value >= 0 else -((-value + half) >> exponent)


def exp_on_negative(value: int) -> int:
    """gemmlowp's exp_on_negative_values: Q5.26 -> Q0.31."""
    if value == 0:
        return 2**31 - 1
    quarter = 2**24
    fraction = (value & (quarter - 1)) - quarter
    x = (fraction << 5) + 2**28
    x2 = saturating_high_multiply(x, x)
    x3 = saturating_high_multiply(x2, x)
    x4 = saturating_high_multiply(x2, x2)
    cubic = saturating_high_multiply(divide_by_power(x4, 2) + x3, 715827883) + x2
    eighth = 1895147668
    result = eighth + saturating_high_multiply(eighth, x + divide_by_power(cubic, 1))
    remainder = fraction - value
    for bit in range(24, 31):  # 1/4, 1/2, ... 16
        if remainder >> bit & 1:
            factor = int(math.exp(-(2.0 ** (bit - 26))) * 2**31 + 0.5)
            result = saturating_high_multiply(result, factor)
    return result


def reciprocal_of_one_plus(half: int) -> int:
    """gemmlowp's one_over_one_plus_x_for_x_in_0_1: Q0.31 -> Q0.31."""
    half_denominator = (half + 2**31 - 1 + 1) >> 1  # the sum of two positive numbers, halved up
    constant_48_over_17, constant_neg_32_over_17 = 1515870810, -1010580540
    x = constant_48_over_17 + saturating_high_multiply(half_denominator, constant_neg_32_over_17)
    for _ in range(3):
        product = saturating_high_multiply(half_denominator, x)
        x += saturating_high_multiply(x, 2**29 - product) << 2
    return min(x << 1, 2**31 - 1)


def softmax(graph, op, values):
    source, output = graph.required_input(op, 0), graph.output(op)
    real = min(op.options.beta * source.scale * 2**26, 2.0**31 - 1)
    multiplier, shift = fixed_point(real)
    lowest = -math.floor(31 * 2**26 / 2**shift)
    exps = {}
    for difference in range(-255, 1):
        if difference >= lowest:
            scaled = saturating_high_multiply(difference << shift, multiplier)
            exps[difference] = exp_on_negative(scaled)
    rows = values.reshape(-1, values.shape[-1]).astype(np.int64)
    low, high = LIMITS[output.dtype]
    result = np.full(rows.shape, low, np.int64)
    for row, out in zip(rows, result, strict=True):
        differences = row - row.max()
        known = [exps.get(int(d)) for d in differences]
        total = sum(divide_by_power(e, 12) for e in known if e is not None)
        headroom = 32 - total.bit_length()
        reciprocal = reciprocal_of_one_plus((total << headroom) - 2**31)
        for i, e in enumerate(known):
            if e is not None:
                product = saturating_high_multiply(reciprocal, e)
                unsigned = divide_by_power(product, 12 - headroom + 31 - 8)
                out[i] = min(max(unsigned + low, low), high)
    return result.reshape(values.shape)


def concatenation(_, op, *parts):
    return np.concatenate(parts, axis=op.options.axis)


def reshape(graph, op, values):
    return values.reshape(graph.output(op).shape)


KERNELS = {
    "CONV_2D": conv,
    "DEPTHWISE_CONV_2D": depthwise,
    "FULLY_CONNECTED": fully_connected,
    "ADD": add,
    "MUL": mul,
    "PAD": pad,
    "RESIZE_BILINEAR": resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest,
    "AVERAGE_POOL_2D": average_pool,
    "MAX_POOL_2D": max_pool,
    "MEAN": mean,
    "QUANTIZE": quantize,
    "DEQUANTIZE": dequantize,
    "RELU": rectify("RELU"),
    "RELU6": rectify("RELU6"),
    "LOGISTIC": logistic,
    "LOOKUP": lookup,
    "SOFTMAX": softmax,
    "CONCATENATION": concatenation,
    "RESHAPE": reshape,
}
