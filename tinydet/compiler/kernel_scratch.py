"""Scratch memory that kernels need beside their inputs and outputs."""

from tinydet.compiler.ir import Graph, Op

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
        gather what a few output pixels see, as int16.
    """
    if op.kind != "CONV_2D":
        return 0
    _, filter_height, filter_width, channels = graph.required_input(op, 1).shape
    values = filter_height * filter_width * channels
    padded = values + values % 2  # multiplied in pairs
    return _aligned(_PIXELS_AT_ONCE * _BYTES_PER_VALUE * padded)


def _aligned(size_bytes: int) -> int:
    return -(-size_bytes // SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT
