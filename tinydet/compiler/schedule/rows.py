"""Which input rows an operator needs for each row of its output.

A row is an index of the second of four dimensions. Operators that are not over images, or that need
all of an input for every value, have no rows: they run in one piece.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from tinydet.compiler.ir import (
    ConvOptions,
    Graph,
    Op,
    PadOptions,
    PoolOptions,
    ResizeOptions,
    window_padding,
)
from tinydet.compiler.lookup import nearest_indices
from tinydet.compiler.requant import resize_scale_10

IntArray = npt.NDArray[np.int64]

# Output element i needs no input element but i (SOFTMAX: none but its row, read before it is
# written), so that an output of the same size may take the bytes of an input.
IN_PLACE_KINDS = frozenset(
    {"ADD", "MUL", "SOFTMAX", "LOGISTIC", "LOOKUP", "RELU", "RELU6", "QUANTIZE"}
)
_IMAGE_RANK = 4
_RESIZE_UNIT = 1024


@dataclass(frozen=True, eq=False)
class RowNeed:
    """Output row ``y`` needs the input rows ``[first[y], end[y])``; none where ``first >= end``.

    Both never fall with ``y``.

    Attributes:
        first: First row, in [0, input height].
        end: Row behind the last, in [0, input height].
        stride: Input rows per output row as the window walks; None where it has no such rate.
    """

    first: IntArray
    end: IntArray
    stride: Fraction | None

    def __post_init__(self) -> None:
        for rows in (self.first, self.end):
            rows.setflags(write=False)


def row_need(graph: Graph, op: Op, position: int) -> RowNeed | None:
    """Which rows of one input each output row needs.

    Args:
        graph: A verified graph.
        op: One of its operators.
        position: Which input, one that is computed.

    Returns:
        The rows; None where the operator runs in one piece.
    """
    rule = _RULES.get(op.kind)
    images = [graph.required_input(op, position), graph.output(op)]
    if rule is None or any(len(t.shape) != _IMAGE_RANK or t.shape[0] != 1 for t in images):
        return None
    return rule(graph, op, position)


def works_in_place(graph: Graph, op: Op, position: int) -> bool:
    """Whether an output element may take the place of the same element of an input."""
    source = graph.input(op, position)
    return (
        op.kind in IN_PLACE_KINDS
        and source is not None
        and source.data is None
        and source.size_bytes == graph.output(op).size_bytes
        and source.num_elements == graph.output(op).num_elements
    )


def _window(graph: Graph, op: Op, position: int) -> RowNeed:
    options = op.options
    assert isinstance(options, ConvOptions | PoolOptions)
    if isinstance(options, ConvOptions):
        extent = (graph.required_input(op, 1).shape[1] - 1) * options.dilation_height + 1
    else:
        extent = options.filter_height
    top = window_padding(graph, op)[0]
    start = np.arange(graph.output(op).shape[1], dtype=np.int64) * options.stride_height - top
    return _need(
        (start, start + extent), _height(graph, op, position), Fraction(options.stride_height)
    )


def _same_row(graph: Graph, op: Op, position: int) -> RowNeed:
    """Row by row; one row that is broadcast is read again and again."""
    rows = np.arange(graph.output(op).shape[1], dtype=np.int64)
    if graph.required_input(op, position).shape[1] == len(rows):
        return RowNeed(rows, rows + 1, Fraction(1))
    return RowNeed(np.zeros_like(rows), np.ones_like(rows), None)


def _pad(graph: Graph, op: Op, position: int) -> RowNeed:
    assert isinstance(op.options, PadOptions)
    rows = np.arange(graph.output(op).shape[1], dtype=np.int64) - op.options.paddings[1][0]
    return _need((rows, rows + 1), _height(graph, op, position), Fraction(1))


def _bilinear(graph: Graph, op: Op, position: int) -> RowNeed:
    options = op.options
    assert isinstance(options, ResizeOptions)
    input_rows, output_rows = _height(graph, op, position), graph.output(op).shape[1]
    scale = resize_scale_10(input_rows, output_rows, options.align_corners)
    places = np.arange(output_rows, dtype=np.int64) * scale
    if options.half_pixel_centers:
        places += scale // 2 - _RESIZE_UNIT // 2
    # A place between two rows needs both; in front of the first centre both are row 0.
    first = np.clip(places // _RESIZE_UNIT, 0, input_rows - 1)
    last = np.clip(-(-places // _RESIZE_UNIT), 0, input_rows - 1)
    return _need((first, last + 1), input_rows, _resize_stride(input_rows, output_rows))


def _nearest(graph: Graph, op: Op, position: int) -> RowNeed:
    options = op.options
    assert isinstance(options, ResizeOptions)
    input_rows, output_rows = _height(graph, op, position), graph.output(op).shape[1]
    rows = np.array(
        nearest_indices(input_rows, output_rows, options.align_corners, options.half_pixel_centers),
        np.int64,
    )
    return _need((rows, rows + 1), input_rows, _resize_stride(input_rows, output_rows))


def _height(graph: Graph, op: Op, position: int) -> int:
    return graph.required_input(op, position).shape[1]


def _resize_stride(input_rows: int, output_rows: int) -> Fraction | None:
    """A rate that keeps pace with the rows only where one height divides the other."""
    stride = Fraction(input_rows, output_rows)
    return stride if 1 in (stride.numerator, stride.denominator) else None


def _need(rows: tuple[IntArray, IntArray], height: int, stride: Fraction | None) -> RowNeed:
    """Without rows outside of the image."""
    return RowNeed(np.clip(rows[0], 0, height), np.clip(rows[1], 0, height), stride)


_RULES: dict[str, Callable[[Graph, Op, int], RowNeed]] = {
    "CONV_2D": _window,
    "DEPTHWISE_CONV_2D": _window,
    "AVERAGE_POOL_2D": _window,
    "MAX_POOL_2D": _window,
    "ADD": _same_row,
    "MUL": _same_row,
    "PAD": _pad,
    "RESIZE_BILINEAR": _bilinear,
    "RESIZE_NEAREST_NEIGHBOR": _nearest,
}
