"""Scratch memory that kernels need beside their inputs and outputs."""

from collections.abc import Sequence

from tinydet.compiler.ir import ConvOptions, Graph, Op

SCRATCH_ALIGNMENT = 16
_PIXELS_AT_ONCE = 4  # whose inputs a convolution gathers as one group
_BYTES_PER_VALUE = 2
MAX_GROUPS = 8  # TD_CONV_MAX_GROUPS
_CACHED_WEIGHT_BYTES = 2048  # stay in the smallest data cache (4 KiB) anyway
# Of more groups than one. Where the arena lies behind a cache, what was gathered must stay in it;
# arenas of up to the size of the data TCM of most boards lie there.
_MAX_GATHERED_BYTES, _MAX_GATHERED_BYTES_IN_TCM = 8 * 1024, 48 * 1024
_TCM_BYTES = 128 * 1024


def scratch_bytes(graph: Graph, op: Op, most: int = 0, arena_bytes: int = 0) -> int:
    """Bytes that an operator's kernel uses while it runs; they mean nothing between its calls.

    Convolutions gather what groups of four output pixels see, as int16. They need room for one
    group; with more, they read weights that do not stay in the cache once for all of these.

    Args:
        graph: The network.
        op: One of its operators.
        most: Bytes that there are; 0 gives what it cannot do without.
        arena_bytes: Of the arena that they lie in.

    Returns:
        A multiple of 16, the alignment of the memory. 0 for kernels that need none.
    """
    if op.kind != "CONV_2D":
        return 0
    _, height, width, channels = graph.output(op).shape
    group_bytes = _group_bytes(graph, op)
    weight_bytes = group_bytes * channels // (_PIXELS_AT_ONCE * _BYTES_PER_VALUE)
    groups = 1
    if weight_bytes > _CACHED_WEIGHT_BYTES:
        useful = min(MAX_GROUPS, -(-height * width // _PIXELS_AT_ONCE))
        fast = arena_bytes <= _TCM_BYTES
        limit_bytes = _MAX_GATHERED_BYTES_IN_TCM if fast else _MAX_GATHERED_BYTES
        groups = max(1, min(useful, min(most, limit_bytes) // group_bytes))
    return -(-groups * group_bytes // SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT


def convolution_groups(graph: Graph, op: Op, size_bytes: int) -> int:
    """Groups of four output pixels that scratch memory of a CONV_2D has room for, at most 8."""
    return min(MAX_GROUPS, size_bytes // _group_bytes(graph, op))


def _group_bytes(graph: Graph, op: Op) -> int:
    assert isinstance(op.options, ConvOptions)
    runs, _, padded = window_runs(graph.required_input(op, 1).shape, op.options.dilation_width)
    return _PIXELS_AT_ONCE * _BYTES_PER_VALUE * runs * padded


def window_runs(weights_shape: Sequence[int], dilation_width: int) -> tuple[int, int, int]:
    """The runs of adjacent values that a convolution's window is gathered in.

    Args:
        weights_shape: Output channels, filter height, filter width, input channels.
        dilation_width: Distance of horizontally neighbouring taps; 1 joins them to one run.

    Returns:
        Number of runs, values of each, and the same filled up to whole pairs.

    >>> window_runs((16, 3, 3, 3), dilation_width=1)
    (3, 9, 10)
    >>> window_runs((16, 3, 3, 4), dilation_width=2)
    (9, 4, 4)
    """
    _, height, width, channels = weights_shape
    runs, length = (height, width * channels) if dilation_width == 1 else (height * width, channels)
    return runs, length, length + length % 2
