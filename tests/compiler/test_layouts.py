"""Which rows are planar, and that every filter finds its pixels and zero points in them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.compiler.network_builder import NetworkBuilder
from tinydet.compiler.ir import window_padding
from tinydet.compiler.layouts import PlanarRow, row_layout

paddings = st.one_of(
    st.sampled_from(["SAME", "VALID"]), st.tuples(*(st.integers(0, 2) for _ in range(4)))
)


@given(
    width=st.integers(3, 20),
    readers=st.lists(st.tuples(st.sampled_from([1, 2]), paddings), min_size=1, max_size=3),
)
def test_every_window_lies_in_the_row_of_its_channel(width, readers):
    """What each reader sees, cut from the planar row, is what padding the image gives."""
    net = NetworkBuilder()
    made = net.conv(net.image(4, width), 5)
    outputs = [
        net.depthwise(made, stride_height=stride, stride_width=stride, padding=padding)
        for stride, padding in readers
    ]
    graph = net.graph(*outputs)
    layout = row_layout(graph)[made]
    assert layout.size_bytes == 5 * layout.channel_stride
    pixels = np.arange(1, width + 1)
    row = np.concatenate([[0] * layout.pad_left, pixels, [0] * layout.pad_right])
    assert len(row) == layout.channel_stride
    assert layout.channel_stride % 4 == 0
    for op, (stride, _) in zip(graph.ops[1:], readers, strict=True):
        _, _, left, right = window_padding(graph, op)
        padded = np.pad(pixels, (left, right))
        for x in range(graph.output(op).shape[2]):
            start = x * stride - left + layout.pad_left
            seen = row[start : start + 3]
            assert start >= 0
            np.testing.assert_array_equal(seen, padded[x * stride : x * stride + 3])


def two_readers(second):
    net = NetworkBuilder()
    made = net.conv(net.image(4, 8), 5)
    outputs = [net.depthwise(made, padding="SAME"), second(net, made)]
    return net.graph(*outputs), made


OTHER_READERS = {
    "conv": lambda net, made: net.conv(made, 2),
    "add": lambda net, made: net.add(made, made),
    "dilation": lambda net, made: net.depthwise(made, dilation_width=2),
    "3 x 1": lambda net, made: net.depthwise(made, (3, 1)),
    "stride 3": lambda net, made: net.depthwise(made, stride_width=3),
    "multiplier": lambda net, made: net.depthwise(made, multiplier=2),
    "output": lambda _, made: made,
}


@pytest.mark.parametrize("reader", OTHER_READERS)
def test_any_other_reader_keeps_rows_interleaved(reader):
    graph, made = two_readers(OTHER_READERS[reader])
    assert made not in row_layout(graph)


def test_only_convolutions_make_planar_rows():
    net = NetworkBuilder()
    a = net.conv(net.image(4, 8), 5)
    graph = net.graph(net.depthwise(net.add(a, a), padding="SAME"))
    assert row_layout(graph) == {}


def test_row_of_the_first_layers():
    assert PlanarRow(channels=16, width=96, pad_left=1, channel_stride=100).pad_right == 3
