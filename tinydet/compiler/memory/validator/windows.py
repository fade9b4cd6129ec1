"""Which rows a kernel reads for one row of its output, from its definition alone."""

from collections.abc import Iterable

from tinydet.compiler.ir import ConvOptions, Graph, Op, PadOptions, PoolOptions, ResizeOptions
from tinydet.compiler.lookup import nearest_indices

BY_ROWS = (
    "AVERAGE_POOL_2D",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "MAX_POOL_2D",
    "PAD",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
)


def image_rows(graph: Graph, op: Op) -> int | None:
    """Rows that a kernel can be asked for one by one; None where it computes all at once."""
    output = graph.tensors[op.outputs[0]].shape
    if op.kind in BY_ROWS:
        return output[1]
    if op.kind in ("ADD", "MUL") and len(output) == 4:
        shapes = [graph.tensors[i] for i in op.inputs if i is not None]
        images = all(len(t.shape) == 4 for t in shapes if t.data is None)
        return output[1] if images and output[0] == 1 else None
    return None


def rows_read(graph: Graph, op: Op, y: int) -> list[tuple[int, list[int]]]:
    """The computed tensors that an operator reads for output row ``y``, and which rows of them."""
    reads: dict[int, set[int]] = {}
    for index in op.inputs:
        if index is not None and graph.tensors[index].data is None:
            height = graph.tensors[index].shape[1]
            inside = {row for row in _wanted(graph, op, y, height) if 0 <= row < height}
            reads.setdefault(index, set()).update(inside)
    return [(tensor, sorted(rows)) for tensor, rows in reads.items()]


def _wanted(graph: Graph, op: Op, y: int, height: int) -> Iterable[int]:
    options = op.options
    if isinstance(options, ConvOptions | PoolOptions):
        dilation = options.dilation_height if isinstance(options, ConvOptions) else 1
        taps = _filter_height(graph, op)
        start = y * options.stride_height - _top(options.padding, op, graph, taps, dilation)
        return [start + tap * dilation for tap in range(taps)]
    if isinstance(options, PadOptions):
        return [y - options.paddings[1][0]]
    if op.kind == "RESIZE_BILINEAR":
        return _between(graph, op, y, height)
    if isinstance(options, ResizeOptions):
        output_height = graph.tensors[op.outputs[0]].shape[1]
        corners, centers = options.align_corners, options.half_pixel_centers
        return [nearest_indices(height, output_height, corners, centers)[y]]
    return [y if height > 1 else 0]  # one row of two inputs of different height is broadcast


def _filter_height(graph: Graph, op: Op) -> int:
    if isinstance(op.options, PoolOptions):
        return op.options.filter_height
    return graph.required_input(op, 1).shape[1]


def _top(padding: object, op: Op, graph: Graph, taps: int, dilation: int) -> int:
    """Rows above the image, by the rule of TFLite."""
    if isinstance(padding, tuple):
        return int(padding[0])
    if padding == "VALID":
        return 0
    options = op.options
    assert isinstance(options, ConvOptions | PoolOptions)
    height = graph.required_input(op, 0).shape[1]
    outputs = (height + options.stride_height - 1) // options.stride_height
    missing = (outputs - 1) * options.stride_height + (taps - 1) * dilation + 1 - height
    return max(missing, 0) // 2


def _between(graph: Graph, op: Op, y: int, height: int) -> list[int]:
    """The two rows between which a row of RESIZE_BILINEAR lies, as its kernel finds them."""
    options = op.options
    assert isinstance(options, ResizeOptions)
    output_height = graph.tensors[op.outputs[0]].shape[1]
    spans = (height, output_height)
    if options.align_corners and output_height > 1:
        spans = (height - 1, output_height - 1)
    scale = (1024 * spans[0] + spans[1] // 2) // spans[1]
    place = y * scale + (scale // 2 - 512 if options.half_pixel_centers else 0)
    lower, upper = int(place / 1024), int((place + 1023) / 1024)  # towards 0
    return [min(max(row, 0), height - 1) for row in (lower, upper)]
