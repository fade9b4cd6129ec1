"""Networks of uint8 codes with one scale per tensor, as TensorFlow 1 made them, in int8.

A code and its zero point are both lowered by 128, which changes no real value and no step of the
reference kernels. Weights minus their zero point can need nine bits; they become the sum of two
parts of eight, and what they are multiplied by is there twice.

Reference:
    Jacob et al., 2018, "Quantization and training of neural networks for efficient
    integer-arithmetic-only inference". https://arxiv.org/abs/1712.05877
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tinydet.compiler.constraints import Finding
from tinydet.compiler.constraints.rule import WEIGHTED, is_8_bit
from tinydet.compiler.ir import (
    UINT8_SHIFT,
    ConcatOptions,
    ConvOptions,
    DepthwiseOptions,
    Graph,
    LookupOptions,
    NoOptions,
    Op,
    Quantization,
    ResizeOptions,
    Tensor,
    read_only,
    window_padding,
    without_unused_tensors,
)

# Whose reference kernels compute the same for codes that are all lowered by 128.
SAME_KINDS = (
    *("RESHAPE", "CONCATENATION", "PAD", "MAX_POOL_2D", "RESIZE_NEAREST_NEIGHBOR", "ADD"),
    *("LOGISTIC", "QUANTIZE", "DEQUANTIZE"),
)
LOWEST, HIGHEST = -128, 127
MOST_CHANGED = 2.0**64  # scale by scale: beyond it float32 knows no number
MOST_CHANNELS = 1024  # that a layer reads twice
REMEDY = "Quantize the float model to int8 (tinydet quantize)."
Values = npt.NDArray[np.int16]


def in_int8(graph: Graph) -> tuple[Graph, list[Finding]]:
    """The network with int8 codes; inputs and outputs stay uint8.

    Args:
        graph: As it stands in the file, verified.

    Returns:
        The network; the operators that have no form in int8.
    """
    return _Conversion(graph).done()


def is_unsigned(graph: Graph) -> bool:
    """Whether a layer of the network has uint8 weights."""
    return any(op.kind in WEIGHTED and _has_unsigned_weights(graph, op) for op in graph.ops)


def _has_unsigned_weights(graph: Graph, op: Op) -> bool:
    weights = graph.input(op, 1)
    return weights is not None and weights.dtype == "uint8" and weights.data is not None


class _Conversion:
    """Makes the new tensors and operators, one operator after the other."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._tensors = [_lowered(tensor) for tensor in graph.tensors]
        self._ops: list[Op] = []
        self._findings: list[Finding] = []

    def done(self) -> tuple[Graph, list[Finding]]:
        inputs = tuple(self._outside(index, is_input=True) for index in self._graph.inputs)
        for op in self._graph.ops:
            self._convert(op)
        outputs = tuple(self._outside(index, is_input=False) for index in self._graph.outputs)
        graph = Graph(tuple(self._tensors), tuple(self._ops), inputs, outputs)
        return without_unused_tensors(graph), self._findings

    def _outside(self, index: int, *, is_input: bool) -> int:
        """The uint8 tensor of an input or output of the graph, and the change from or to it."""
        tensor = self._graph.tensors[index]
        if self._tensors[index].dtype == tensor.dtype:
            return index
        outer = self._new(tensor)
        ends = (outer, index) if is_input else (index, outer)
        self._ops.append(Op("QUANTIZE", f"{tensor.name}#codes", ends[:1], ends[1:], NoOptions()))
        return outer

    def _new(self, tensor: Tensor) -> int:
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _convert(self, op: Op) -> None:
        if op.kind in WEIGHTED and _has_unsigned_weights(self._graph, op):
            self._ops.append(self._with_signed_weights(op))
        elif op.kind == "CONCATENATION":
            self._ops.append(self._with_one_scale(op))
        else:
            tensors = (self._graph.tensors[i] for i in (*op.inputs, *op.outputs) if i is not None)
            if op.kind not in SAME_KINDS and any(tensor.dtype == "uint8" for tensor in tensors):
                self._refuse(op, "uint8 values")
            self._ops.append(op)

    def _refuse(self, op: Op, found: str) -> None:
        self._findings.append(Finding(op.kind, op.name, found, REMEDY))

    def _with_signed_weights(self, op: Op) -> Op:
        source, weights = self._graph.required_input(op, 0), self._graph.required_input(op, 1)
        if not all(is_8_bit(tensor) for tensor in (source, weights, self._graph.output(op))):
            self._refuse(op, "values without exactly one scale")
            return op
        scale = scale_of_same_factor(source.scale, weights.scale)
        values = weights.values.astype(np.int16) - weights.zero_point
        low = np.clip(values, LOWEST, HIGHEST)
        rest = values - low
        if not rest.any():
            return self._reading(op, op.source(), low, scale)
        if op.kind == "CONV_2D" and len(np.unique(np.nonzero(rest)[-1])) <= MOST_CHANNELS:
            return self._with_repeated_channels(op, low, rest, scale)
        if isinstance(op.options, DepthwiseOptions) and op.options.dilation_height == 1:
            return self._with_doubled_rows(op, op.options, (low, rest), scale)
        self._refuse(op, "weights that need nine bits")
        return op

    def _reading(self, op: Op, source: int, values: Values, scale: float) -> Op:
        name = f"{op.name}#weights"
        quantization = Quantization((scale,), (0,))
        data = read_only(values.astype(np.int8))
        weights = self._new(Tensor(name, values.shape, "int8", quantization, data))
        return replace(op, inputs=(source, weights, *op.inputs[2:]))

    def _with_repeated_channels(self, op: Op, low: Values, rest: Values, scale: float) -> Op:
        """The channels whose weights need nine bits stand behind the others once more."""
        source = self._tensors[op.source()]
        channels = np.flatnonzero(rest.any(axis=(0, 1, 2)))
        ones = np.zeros((len(channels), 1, 1, source.shape[3]), np.int16)
        ones[np.arange(len(channels)), 0, 0, channels] = 1
        copies = self._new(_with_channels(source, len(channels)))
        copy = Op("CONV_2D", f"{op.name}#copies", (op.source(), None), (copies,), ConvOptions())
        self._ops.append(self._reading(copy, op.source(), ones, 1.0))
        joined = self._new(_with_channels(source, source.shape[3] + len(channels)))
        both, options = (op.source(), copies), ConcatOptions(axis=3)
        self._ops.append(Op("CONCATENATION", f"{op.name}#joined", both, (joined,), options))
        return self._reading(op, joined, np.concatenate([low, rest[..., channels]], axis=3), scale)

    def _with_doubled_rows(
        self, op: Op, options: DepthwiseOptions, parts: tuple[Values, Values], scale: float
    ) -> Op:
        """Every row of the image is there twice: one for each part of the weights."""
        source = self._tensors[op.source()]
        batch, height, width, channels = source.shape
        doubled = self._new(replace(source, shape=(batch, 2 * height, width, channels)))
        name, rows = f"{op.name}#rows", ResizeOptions()
        self._ops.append(Op("RESIZE_NEAREST_NEIGHBOR", name, (op.source(),), (doubled,), rows))
        top, bottom, left, right = window_padding(self._graph, op)
        taller = replace(
            options,
            stride_height=2 * options.stride_height,
            padding=(2 * top, 2 * bottom, left, right),
        )
        rows_of_both = np.stack(parts, axis=2).reshape(1, -1, *parts[0].shape[2:])
        return replace(self._reading(op, doubled, rows_of_both, scale), options=taller)

    def _with_one_scale(self, op: Op) -> Op:
        """A join of several scales: each is changed to that of the result in front of it."""
        output = self._tensors[op.outputs[0]]
        inputs: list[int] = []
        for index in map(op.source, range(len(op.inputs))):
            source = self._tensors[index]
            if output.dtype == "int8" and source.quantization != output.quantization:
                index = self._changed_scale(op, index, output, f"{op.name}#scale{len(inputs)}")
            inputs.append(index)
        return replace(op, inputs=tuple(inputs))

    def _changed_scale(self, op: Op, index: int, output: Tensor, name: str) -> int:
        source = self._tensors[index]
        is_sound = is_8_bit(source) and is_8_bit(output) and output.scale > 0
        if not is_sound or not source.scale / output.scale <= MOST_CHANGED:
            self._refuse(op, "a change of scale")
            return index
        options = LookupOptions(table=_table_of_changed_scale(source, output))
        changed = self._new(replace(source, quantization=output.quantization))
        self._ops.append(Op("LOOKUP", name, (index,), (changed,), options))
        return changed


def _with_channels(tensor: Tensor, channels: int) -> Tensor:
    return replace(tensor, shape=(*tensor.shape[:-1], channels))


def _lowered(tensor: Tensor) -> Tensor:
    """A tensor of uint8 codes as int8; others as they are."""
    quantization = tensor.quantization
    if tensor.dtype != "uint8" or quantization is None:
        return tensor
    data = tensor.data
    if data is not None:
        data = read_only((data.astype(np.int16) - UINT8_SHIFT).astype(np.int8))
    zero_points = tuple(zero_point - UINT8_SHIFT for zero_point in quantization.zero_point)
    quantization = replace(quantization, zero_point=zero_points)
    return replace(tensor, dtype="int8", quantization=quantization, data=data)


def scale_of_same_factor(input_scale: float, weight_scale: float) -> float:
    """The weight scale with which an int8 layer has the factor that a uint8 layer has.

    The reference kernels multiply the scales of input and weights in float32 for uint8, in float64
    for int8.

    >>> scale = scale_of_same_factor(0.0235294122, 0.0212)
    >>> product = float(np.float32(0.0235294122) * np.float32(0.0212))
    >>> from tinydet.compiler.requant import convolution_multipliers, quantize_multiplier
    >>> (quantize_multiplier(product / 0.051),) == convolution_multipliers(
    ...     0.0235294122, [scale], 0.051, 1
    ... )
    True
    """
    product = float(np.float32(input_scale) * np.float32(weight_scale))
    return product / input_scale


def _table_of_changed_scale(source: Tensor, output: Tensor) -> tuple[int, ...]:
    """What a uint8 CONCATENATION makes of each code of an input: it computes in float32."""
    codes = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int32)
    scale = np.float32(source.scale) * (np.float32(1) / np.float32(output.scale))
    bias = np.float32(-(source.zero_point + UINT8_SHIFT)) * scale
    reals = ((codes + UINT8_SHIFT).astype(np.float32) * scale + bias).astype(np.float64)
    nearest = np.copysign(np.floor(np.abs(reals) + 0.5), reals)
    joined = np.clip(nearest + output.zero_point, LOWEST, HIGHEST)
    return tuple(int(code) for code in joined)
