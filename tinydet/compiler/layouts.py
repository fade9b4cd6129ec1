"""How the rows of a tensor lie in memory: pixel by pixel, or channel by channel.

Rows are *interleaved*, ``[width][channels]``, unless only 3x3 depthwise convolutions read them,
which run along the row with the weights of one channel in registers. Such rows are *planar*:
``[channels][channel_stride]``, each channel with the zero point around its pixels, so that no
filter needs to be cut off at the sides of the image.
"""

from dataclasses import dataclass

from tinydet.compiler.ir import DepthwiseOptions, Graph, Op, window_padding

CHANNEL_ALIGNMENT = 4  # bytes: a processor loads four pixels of a channel at once
_FILTER = 3
_STRIDES = (1, 2)


@dataclass(frozen=True)
class PlanarRow:
    """One image row, channel by channel.

    A channel is ``pad_left`` zero points, ``width`` pixels, and zero points up to
    ``channel_stride``.

    Attributes:
        channels: Number of channels.
        width: Pixels of the image.
        pad_left: Zero points in front of the first pixel.
        channel_stride: Bytes from one channel to the next, a multiple of ``CHANNEL_ALIGNMENT``.
    """

    channels: int
    width: int
    pad_left: int
    channel_stride: int

    @property
    def pad_right(self) -> int:
        """Zero points behind the last pixel."""
        return self.channel_stride - self.pad_left - self.width

    @property
    def size_bytes(self) -> int:
        """Bytes of the whole row.

        >>> PlanarRow(channels=16, width=96, pad_left=1, channel_stride=100).size_bytes
        1600
        """
        return self.channels * self.channel_stride


def row_layout(graph: Graph) -> dict[int, PlanarRow]:
    """The tensors whose rows are planar: made by CONV_2D, read by 3x3 depthwise filters only.

    Args:
        graph: A verified graph.

    Returns:
        Tensor index -> its layout. All other tensors are interleaved.
    """
    consumers = graph.consumers()
    layouts = {}
    for op in graph.ops:
        output = op.outputs[0]
        readers = [graph.ops[position] for position in consumers.get(output, [])]
        if op.kind == "CONV_2D" and readers and output not in graph.outputs:
            layout = _common_layout(graph, output, readers)
            if layout is not None:
                layouts[output] = layout
    return layouts


def _common_layout(graph: Graph, tensor: int, readers: list[Op]) -> PlanarRow | None:
    """Pads that serve all readers; None where one of them cannot read planar rows."""
    _, _, width, channels = graph.tensors[tensor].shape
    pad_left = pad_right = 0
    for reader in readers:
        if not _reads_planar_rows(graph, tensor, reader):
            return None
        options = reader.options
        assert isinstance(options, DepthwiseOptions)
        _, _, left, _ = window_padding(graph, reader)
        last = (graph.output(reader).shape[2] - 1) * options.stride_width - left
        pad_left = max(pad_left, left)
        # The kernel computes pixels in pairs, and reads the window of one too many.
        read = _FILTER + graph.output(reader).shape[2] % 2
        pad_right = max(pad_right, last + read - width)
    used = pad_left + width + pad_right
    stride = -(-used // CHANNEL_ALIGNMENT) * CHANNEL_ALIGNMENT
    return PlanarRow(channels, width, pad_left, stride)


def _reads_planar_rows(graph: Graph, tensor: int, op: Op) -> bool:
    """Whether td_depthwise_planar_s8 can take an operator and its input."""
    options = op.options
    return (
        isinstance(options, DepthwiseOptions)
        and graph.tensors[tensor].dtype == "int8"
        and graph.required_input(op, 1).shape[1:3] == (_FILTER, _FILTER)
        and options.multiplier == 1
        and (options.dilation_height, options.dilation_width) == (1, 1)
        and options.stride_width in _STRIDES
    )
