"""From the option tables of a .tflite file to the options of the graph."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

from tinydet.compiler.ir import (
    Activation,
    AddOptions,
    ConcatOptions,
    ConvOptions,
    DepthwiseOptions,
    FullyConnectedOptions,
    MeanOptions,
    MulOptions,
    NoOptions,
    Options,
    PackOptions,
    PadOptions,
    PoolOptions,
    ReshapeOptions,
    ResizeOptions,
    SoftmaxOptions,
    StridedSliceOptions,
    Tensor,
    WindowOptions,
)
from tinydet.tflite_format import schema
from tinydet.tflite_format.flatbuffer import MalformedError, Table

MAX_ARGUMENT_VALUES = 16  # paddings of eight dimensions
_ACTIVATIONS: dict[str, Activation] = {name: name for name in get_args(Activation)}


class UnreadableOptionError(Exception):
    """The graph has no form for what an operator is told.

    Args:
        found: What is not supported, without a full stop.
        remedy: What to change, a full sentence.
    """

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(found)
        self.found, self.remedy = found, remedy


@dataclass(frozen=True)
class OperatorContent:
    """One operator as it stands in the file.

    Attributes:
        kind: TFLite's name of it.
        table: Its options; an empty table where it has none.
        inputs: Its input tensors, None where an optional one is absent.
    """

    kind: str
    table: Table
    inputs: Sequence[Tensor | None]

    def activation(self, slot: int) -> Activation:
        """The fused activation that stands in a slot."""
        code = self.table.integer(slot, "int8")
        if not 0 <= code < len(schema.ACTIVATIONS):
            raise MalformedError(f"has the activation {code}")
        name = schema.ACTIVATIONS[code]
        if name not in _ACTIVATIONS:
            raise UnreadableOptionError(
                f"the fused activation {name}", "Use relu6 or no activation in the model."
            )
        return _ACTIVATIONS[name]

    def same_padding(self) -> bool:
        """Whether the padding, in the first slot, is SAME."""
        code = self.table.integer(0, "int8")
        if not 0 <= code < len(schema.PADDINGS):
            raise MalformedError(f"has the padding {code}")
        return schema.PADDINGS[code] == "SAME"

    def argument(self, position: int, what: str) -> list[int]:
        """Values of a constant tensor that tells the operator what to do."""
        tensor = self.inputs[position] if position < len(self.inputs) else None
        if tensor is None or tensor.dtype not in ("int32", "int64"):
            raise MalformedError(f"has a {self.kind} without {what}")
        if tensor.data is None:
            raise UnreadableOptionError(
                f"{what} that are computed while it runs", "Make them constants in the model."
            )
        if tensor.num_elements > MAX_ARGUMENT_VALUES:
            raise MalformedError(f"has a {self.kind} with {tensor.num_elements} {what}")
        return [int(value) for value in tensor.data.reshape(-1)]

    def rank(self) -> int:
        """Number of dimensions of the first input."""
        tensor = self.inputs[0] if self.inputs else None
        if tensor is None:
            raise MalformedError(f"has a {self.kind} without an input")
        return len(tensor.shape)

    def axis(self, slot: int, rank: int) -> int:
        """A dimension in a slot, counted from the end where it is negative."""
        axis = self.table.integer(slot, "int32")
        return axis + rank if axis < 0 else axis


def _window(op: OperatorContent, kind: type[WindowOptions], slot: int, **more: int) -> Options:
    """Options of an operator with a window, whose activation stands in a slot."""
    return kind(
        padding="SAME" if op.same_padding() else "VALID",
        stride_width=op.table.integer(1, "int32"),
        stride_height=op.table.integer(2, "int32"),
        activation=op.activation(slot),
        **more,
    )


def _conv(
    op: OperatorContent, kind: type[ConvOptions] = ConvOptions, slot: int = 3, **more: int
) -> Options:
    height, width = (op.table.integer(slot + place, "int32", 1) for place in (2, 1))
    return _window(op, kind, slot, dilation_height=height, dilation_width=width, **more)


def _depthwise(op: OperatorContent) -> Options:
    return _conv(op, DepthwiseOptions, 4, multiplier=op.table.integer(3, "int32"))


def _pool(op: OperatorContent) -> Options:
    height, width = (op.table.integer(place, "int32") for place in (4, 3))
    return _window(op, PoolOptions, 5, filter_height=height, filter_width=width)


def _fully_connected(op: OperatorContent) -> Options:
    if op.table.integer(1, "int8") != 0:
        raise UnreadableOptionError("shuffled weights", "Convert the model again.")
    return FullyConnectedOptions(activation=op.activation(0), keep_num_dims=op.table.flag(2))


def _pad(op: OperatorContent) -> Options:
    values = op.argument(1, "paddings")
    if len(values) % 2:
        raise MalformedError(f"has a PAD with {len(values)} paddings")
    return PadOptions(paddings=tuple(zip(values[::2], values[1::2], strict=True)))


def _resize(op: OperatorContent, slot: int) -> Options:
    align_corners, half_pixel_centers = op.table.flag(slot), op.table.flag(slot + 1)
    return ResizeOptions(align_corners=align_corners, half_pixel_centers=half_pixel_centers)


def _mean(op: OperatorContent) -> Options:
    rank = op.rank()
    axes = {axis + rank if axis < 0 else axis for axis in op.argument(1, "axes")}
    return MeanOptions(axes=tuple(sorted(axes)), keep_dims=op.table.flag(0))


def _strided_slice(op: OperatorContent) -> Options:
    if op.table.flag(5):
        raise UnreadableOptionError(
            "ends given as offsets", "Convert the model with fixed input dimensions."
        )
    masks = [op.table.integer(slot, "int32") for slot in range(5)]
    return StridedSliceOptions(
        begin_mask=masks[0],
        end_mask=masks[1],
        ellipsis_mask=masks[2],
        new_axis_mask=masks[3],
        shrink_axis_mask=masks[4],
    )


@dataclass(frozen=True)
class _Kind:
    """How one kind of operator is read.

    Attributes:
        read: From the content to the options.
        union_type: Number of its option table in the schema's union; None where options are of
            no interest.
        tensors: Leading inputs that stay inputs; the rest are arguments. None keeps all.
        kind: Kind in the graph where it is not the operator's own.
    """

    read: Callable[[OperatorContent], Options]
    union_type: int | None = None
    tensors: int | None = 1
    kind: str | None = None


KINDS: dict[str, _Kind] = {
    "CONV_2D": _Kind(_conv, 1, 3),
    "DEPTHWISE_CONV_2D": _Kind(_depthwise, 2, 3),
    "ADD": _Kind(lambda op: AddOptions(activation=op.activation(0)), 11, 2),
    "MUL": _Kind(lambda op: MulOptions(activation=op.activation(0)), 21, 2),
    "PAD": _Kind(_pad),
    "RESIZE_BILINEAR": _Kind(lambda op: _resize(op, 2), 15),
    "RESIZE_NEAREST_NEIGHBOR": _Kind(lambda op: _resize(op, 0), 74),
    "CONCATENATION": _Kind(
        lambda op: ConcatOptions(axis=op.axis(0, op.rank()), activation=op.activation(1)), 10, None
    ),
    "RESHAPE": _Kind(lambda _: ReshapeOptions()),
    "SQUEEZE": _Kind(lambda _: ReshapeOptions(), kind="RESHAPE"),
    "EXPAND_DIMS": _Kind(lambda _: ReshapeOptions(), kind="RESHAPE"),
    "SOFTMAX": _Kind(lambda op: SoftmaxOptions(beta=op.table.real(0)), 9),
    "LOGISTIC": _Kind(lambda _: NoOptions()),
    "QUANTIZE": _Kind(lambda _: NoOptions()),
    "DEQUANTIZE": _Kind(lambda _: NoOptions()),
    "AVERAGE_POOL_2D": _Kind(_pool, 5),
    "MAX_POOL_2D": _Kind(_pool, 5),
    "MEAN": _Kind(_mean, 27),
    "FULLY_CONNECTED": _Kind(_fully_connected, 8, 3),
    "RELU": _Kind(lambda _: NoOptions()),
    "RELU6": _Kind(lambda _: NoOptions()),
    "SHAPE": _Kind(lambda _: NoOptions()),
    "STRIDED_SLICE": _Kind(_strided_slice, 32, 4),
    "PACK": _Kind(lambda op: PackOptions(axis=op.axis(1, op.rank() + 1)), 59, None),
    "TILE": _Kind(lambda _: NoOptions(), None, 2),
}
