"""Scratch memory that kernels need beside their inputs and outputs."""

from collections.abc import Sequence

from tinydet.compiler.ir import ConvOptions, Graph, Op

SCRATCH_ALIGNMENT = 16
_PIXELS_AT_ONCE = 4  # whose inputs a convolution gathers
_BYTES_PER_VALUE = 2


def scratch_bytes(graph: Graph, op: Op) -> int:
    """Bytes that an operator's kernel needs while it runs; they mean nothing between its calls.

    Args:
        graph: The network.
        op: One of its operators.

    Returns:
        A multiple of 16, the alignment of the memory. 0 for kernels that need none. Convolutions
        gather what four output pixels see, as int16.
    """
    if op.kind != "CONV_2D":
        return 0
    assert isinstance(op.options, ConvOptions)
    runs, _, padded = window_runs(graph.required_input(op, 1).shape, op.options.dilation_width)
    size_bytes = _PIXELS_AT_ONCE * _BYTES_PER_VALUE * runs * padded
    return -(-size_bytes // SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT


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
