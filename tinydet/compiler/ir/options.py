"""What an operator is told besides its tensors: one frozen dataclass per kind."""

from dataclasses import dataclass
from typing import Literal

Activation = Literal["NONE", "RELU", "RELU6", "RELU_N1_TO_1"]
Padding = Literal["SAME", "VALID"] | tuple[int, int, int, int]


class Options:
    """What any operator is told."""


@dataclass(frozen=True, kw_only=True)
class WindowOptions(Options):
    """What has a window. ``padding``: SAME, VALID or pixels ``(top, bottom, left, right)``."""

    stride_height: int = 1
    stride_width: int = 1
    padding: Padding = "VALID"
    activation: Activation = "NONE"


@dataclass(frozen=True, kw_only=True)
class ConvOptions(WindowOptions):
    """CONV_2D."""

    dilation_height: int = 1
    dilation_width: int = 1


@dataclass(frozen=True, kw_only=True)
class DepthwiseOptions(ConvOptions):
    """DEPTHWISE_CONV_2D. Output channel ``c`` reads input channel ``c // multiplier``."""

    multiplier: int = 1


@dataclass(frozen=True, kw_only=True)
class PoolOptions(WindowOptions):
    """AVERAGE_POOL_2D and MAX_POOL_2D. The average counts only pixels inside the image."""

    filter_height: int = 1
    filter_width: int = 1


@dataclass(frozen=True, kw_only=True)
class AddOptions(Options):
    """ADD."""

    activation: Activation = "NONE"


@dataclass(frozen=True, kw_only=True)
class MulOptions(Options):
    """MUL."""

    activation: Activation = "NONE"


@dataclass(frozen=True, kw_only=True)
class ConcatOptions(Options):
    """CONCATENATION; ``axis`` is not negative."""

    axis: int
    activation: Activation = "NONE"


@dataclass(frozen=True, kw_only=True)
class ResizeOptions(Options):
    """RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR; the size is the output's shape."""

    align_corners: bool = False
    half_pixel_centers: bool = False


@dataclass(frozen=True, kw_only=True)
class PadOptions(Options):
    """PAD by the input's zero point; ``(before, after)`` per dimension of the input."""

    paddings: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class ReshapeOptions(Options):
    """RESHAPE; the new shape is the output's. SQUEEZE and EXPAND_DIMS are read as RESHAPE."""


@dataclass(frozen=True, kw_only=True)
class SoftmaxOptions(Options):
    """SOFTMAX over the last dimension."""

    beta: float = 1.0


@dataclass(frozen=True, kw_only=True)
class MeanOptions(Options):
    """MEAN over ``axes`` (ascending, not negative)."""

    axes: tuple[int, ...]
    keep_dims: bool = False


@dataclass(frozen=True, kw_only=True)
class FullyConnectedOptions(Options):
    """FULLY_CONNECTED; weights ``[outputs, inputs]``, the input is read as ``[rows, inputs]``."""

    activation: Activation = "NONE"
    keep_num_dims: bool = False


@dataclass(frozen=True, kw_only=True)
class StridedSliceOptions(Options):
    """STRIDED_SLICE, constants only: bit ``i`` of a mask speaks of dimension ``i``."""

    begin_mask: int = 0
    end_mask: int = 0
    ellipsis_mask: int = 0
    new_axis_mask: int = 0
    shrink_axis_mask: int = 0


@dataclass(frozen=True, kw_only=True)
class PackOptions(Options):
    """PACK, constants only: stacks its inputs along a new ``axis``."""

    axis: int = 0


@dataclass(frozen=True, kw_only=True)
class NoOptions(Options):
    """LOGISTIC, QUANTIZE, DEQUANTIZE, RELU, RELU6, SHAPE, TILE."""


@dataclass(frozen=True, kw_only=True)
class LookupOptions(Options):
    """LOOKUP, which no file has: 256 int8 codes, indexed by the bit pattern of the input's."""

    table: tuple[int, ...]


OPTIONS_OF_KIND: dict[str, type[Options]] = {
    "CONV_2D": ConvOptions,
    "DEPTHWISE_CONV_2D": DepthwiseOptions,
    "ADD": AddOptions,
    "MUL": MulOptions,
    "PAD": PadOptions,
    "RESIZE_BILINEAR": ResizeOptions,
    "RESIZE_NEAREST_NEIGHBOR": ResizeOptions,
    "CONCATENATION": ConcatOptions,
    "RESHAPE": ReshapeOptions,
    "SOFTMAX": SoftmaxOptions,
    "LOGISTIC": NoOptions,
    "LOOKUP": LookupOptions,
    "QUANTIZE": NoOptions,
    "DEQUANTIZE": NoOptions,
    "AVERAGE_POOL_2D": PoolOptions,
    "MAX_POOL_2D": PoolOptions,
    "MEAN": MeanOptions,
    "FULLY_CONNECTED": FullyConnectedOptions,
    "RELU": NoOptions,
    "RELU6": NoOptions,
    "SHAPE": NoOptions,
    "STRIDED_SLICE": StridedSliceOptions,
    "PACK": PackOptions,
    "TILE": NoOptions,
}
