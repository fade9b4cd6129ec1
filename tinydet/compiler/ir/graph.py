"""The compiler's program: tensors and operators of one network, frozen and verifiable.

A ``Graph`` is what the reader makes of a .tflite file and what each pass turns into another
``Graph``. Tensors are referred to by their index in ``Graph.tensors``. Layout is NHWC; weights
stay as TFLite stores them: convolution OHWI, depthwise convolution 1HWC with
``C = input channels * multiplier``, fully connected ``[outputs, inputs]``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.compiler.ir.options import ConvOptions, Options, PoolOptions

Constant = npt.NDArray[Any]

BYTES_PER_ELEMENT: dict[str, int] = {
    "int8": 1,
    "uint8": 1,
    "bool": 1,
    "int16": 2,
    "int32": 4,
    "float32": 4,
    "int64": 8,
}
MAX_RANK = 8
MAX_ELEMENTS = 2**28  # of one tensor: 256 MiB as int8, far above any microcontroller's network
UINT8_SHIFT = 128  # zero point of a uint8 tensor minus that of the same values in int8
WEIGHTED_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


@dataclass(frozen=True)
class Quantization:
    """``real value = scale * (stored value - zero_point)``.

    Attributes:
        scale: One, or one per channel along ``axis``; finite, > 0.
        zero_point: As many as ``scale``, in the range of the stored type.
        axis: The channel axis where there is more than one scale; 0 otherwise.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int = 0


@dataclass(frozen=True, eq=False)
class Tensor:
    """A constant, or what one operator computes.

    Attributes:
        name: As in the file; not necessarily unique.
        shape: Dimensions, all >= 1, the batch of 1 included; ``()`` is a scalar.
        dtype: Type of the stored values.
        quantization: How stored values stand for real ones; None for plain numbers.
        data: Values of a constant, read-only, exactly ``shape`` and ``dtype``; None if computed.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None = None
    data: Constant | None = None

    @property
    def num_elements(self) -> int:
        """Product of the dimensions."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes the values take in the arena or in flash."""
        return self.num_elements * BYTES_PER_ELEMENT[self.dtype]

    @property
    def values(self) -> Constant:
        """The values of a constant.

        Raises:
            ValueError: It is computed.
        """
        if self.data is None:
            raise ValueError(f"tensor {self.name} is computed")
        return self.data

    @property
    def scale(self) -> float:
        """The one scale of a tensor quantized as a whole.

        Raises:
            ValueError: It has none, or one per channel.
        """
        return float(self._only().scale[0])

    @property
    def zero_point(self) -> int:
        """The one zero point of a tensor quantized as a whole.

        Raises:
            ValueError: It has none, or one per channel.
        """
        return int(self._only().zero_point[0])

    def _only(self) -> Quantization:
        if self.quantization is None or len(self.quantization.scale) != 1:
            raise ValueError(f"tensor {self.name} is not quantized as a whole")
        return self.quantization


@dataclass(frozen=True)
class Op:
    """One operator.

    Attributes:
        kind: TFLite's name of it, a key of ``OPTIONS_OF_KIND``.
        name: Unique in the graph, derived from the name of the output tensor.
        inputs: Tensor indices; None where an optional input (a bias) is absent. Parameters that
            TFLite passes as constant tensors (paddings, axes, sizes, shapes) are in ``options``
            instead; SHAPE, STRIDED_SLICE, PACK and TILE keep them as inputs.
        outputs: Tensor indices, exactly one for all kinds known today.
        options: The dataclass that belongs to the kind.
    """

    kind: str
    name: str
    inputs: tuple[int | None, ...]
    outputs: tuple[int, ...]
    options: Options

    def source(self, position: int = 0) -> int:
        """Index of the tensor that it reads at a position.

        Raises:
            ValueError: There is none.
        """
        index = self.inputs[position] if position < len(self.inputs) else None
        if index is None:
            raise ValueError(f"{self.name} has no input {position}")
        return index


@dataclass(frozen=True, eq=False)
class Graph:
    """A network.

    Attributes:
        tensors: All tensors; ops refer to them by index.
        ops: In execution order: an op reads inputs of the graph, constants and earlier outputs.
        inputs: Tensor indices.
        outputs: Tensor indices.
    """

    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def input(self, op: Op, position: int) -> Tensor | None:
        """The tensor an op reads at a position; None where it is absent."""
        index = op.inputs[position] if position < len(op.inputs) else None
        return None if index is None else self.tensors[index]

    def required_input(self, op: Op, position: int) -> Tensor:
        """The tensor an op reads at a position.

        Raises:
            ValueError: There is none.
        """
        return self.tensors[op.source(position)]

    def output(self, op: Op, position: int = 0) -> Tensor:
        """The tensor an op writes at a position."""
        return self.tensors[op.outputs[position]]

    def producers(self) -> dict[int, int]:
        """Tensor index -> index of the op that writes it."""
        return {t: position for position, op in enumerate(self.ops) for t in op.outputs}

    def consumers(self) -> dict[int, list[int]]:
        """Tensor index -> indices of the ops that read it, ascending, each once."""
        readers: dict[int, list[int]] = {}
        for position, op in enumerate(self.ops):
            for index in dict.fromkeys(op.inputs):
                if index is not None:
                    readers.setdefault(index, []).append(position)
        return readers

    def with_ops(self, ops: tuple[Op, ...]) -> "Graph":
        """The same graph with other ops."""
        return replace(self, ops=ops)


def count_macs(graph: Graph, op: Op) -> int:
    """Multiply-accumulate operations of one inference; 0 for an operator without weights.

    An output value of a convolution is a sum over one filter; products with padding count, as is
    usual.
    """
    if op.kind not in WEIGHTED_KINDS:
        return 0
    weights = graph.required_input(op, 1).shape  # OHWI, 1HWC, [outputs, inputs]
    per_value = weights[1:3] if op.kind == "DEPTHWISE_CONV_2D" else weights[1:]
    return graph.output(op).num_elements * math.prod(per_value)


def read_only(values: Constant) -> Constant:
    """A contiguous copy that cannot be written to, as ``Tensor.data`` wants it."""
    copy = np.array(values, order="C", copy=True)
    copy.setflags(write=False)
    return copy


def window_padding(graph: Graph, op: Op) -> tuple[int, int, int, int]:
    """Pixels ``(top, bottom, left, right)`` that a convolution or a pooling reads around its input.

    SAME pads ``total = (ceil(n / stride) - 1) * stride + extent - n`` (not below 0), the smaller
    half before, as TFLite does; ``extent = (filter - 1) * dilation + 1``.
    """
    options = op.options
    if isinstance(options, ConvOptions):
        filter_shape = graph.required_input(op, 1).shape
        extents = (
            (filter_shape[1] - 1) * options.dilation_height + 1,
            (filter_shape[2] - 1) * options.dilation_width + 1,
        )
    elif isinstance(options, PoolOptions):
        extents = (options.filter_height, options.filter_width)
    else:
        raise TypeError(f"{op.kind} has no window")
    if options.padding == "VALID":
        return (0, 0, 0, 0)
    if options.padding != "SAME":
        return options.padding
    _, height, width, _ = graph.required_input(op, 0).shape
    top, bottom = _same_padding(height, extents[0], options.stride_height)
    left, right = _same_padding(width, extents[1], options.stride_width)
    return (top, bottom, left, right)


def _same_padding(size: int, extent: int, stride: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + extent - size, 0)
    return total // 2, total - total // 2


def without_unused_tensors(graph: Graph) -> Graph:
    """The graph without tensors that no op and no output refers to, the others in their order."""
    used = set(graph.inputs) | set(graph.outputs)
    for op in graph.ops:
        used.update(index for index in (*op.inputs, *op.outputs) if index is not None)
    order = sorted(used)
    place = {old: new for new, old in enumerate(order)}

    def moved(indices: Sequence[int]) -> tuple[int, ...]:
        return tuple(place[index] for index in indices)

    ops = tuple(
        Op(
            op.kind,
            op.name,
            tuple(None if index is None else place[index] for index in op.inputs),
            moved(op.outputs),
            op.options,
        )
        for op in graph.ops
    )
    tensors = tuple(graph.tensors[index] for index in order)
    return Graph(tensors, ops, moved(graph.inputs), moved(graph.outputs))
