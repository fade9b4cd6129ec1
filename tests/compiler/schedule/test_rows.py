"""Which rows an operator needs: those whose change changes its output, and no more than stated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler import reference_interpreter
from tests.compiler.network_builder import NetworkBuilder
from tinydet.compiler.memory.validator.windows import rows_read
from tinydet.compiler.schedule.rows import row_need, works_in_place

HEIGHTS = st.integers(1, 12)


@st.composite
def operators(draw):
    """A graph of one operator over images."""
    net = NetworkBuilder(draw(st.integers(0, 999)))
    x = net.image(draw(HEIGHTS), 4, 2, "int8")
    kind = draw(st.sampled_from(("conv", "depthwise", "pool", "resize", "nearest", "pad", "add")))
    window = {
        "stride_height": draw(st.integers(1, 4)),
        "dilation_height": draw(st.integers(1, 3)),
        "padding": draw(st.sampled_from(("SAME", (3, 3, 1, 1), (5, 4, 0, 0)))),
    }
    resize = {
        "align_corners": draw(st.booleans()),
        "half_pixel_centers": False,
    }
    if not resize["align_corners"]:
        resize["half_pixel_centers"] = draw(st.booleans())
    rows = draw(HEIGHTS)
    if kind in ("conv", "depthwise"):
        size = (draw(st.integers(1, 3)), 1)
        y = net.conv(x, 2, size, **window) if kind == "conv" else net.depthwise(x, size, **window)
    elif kind == "pool":
        stride = (draw(st.integers(1, 4)), 1)
        y = net.pool(x, "AVERAGE_POOL_2D", (draw(st.integers(1, 4)), 1), stride, padding="SAME")
    elif kind in ("resize", "nearest"):
        kinds = {"resize": "RESIZE_BILINEAR", "nearest": "RESIZE_NEAREST_NEIGHBOR"}
        y = net.resize(x, rows, 4, kinds[kind], **resize)
    elif kind == "pad":
        y = net.pad(x, (0, 0), (draw(st.integers(0, 3)), draw(st.integers(0, 3))), (0, 0), (0, 0))
    else:
        y = net.add(x, x)
    return net.graph(y)


@given(graph=operators())
@settings(max_examples=60)
def test_a_row_that_changes_the_output_is_needed(graph):
    """The oracle is the interpreter of the network: a row at a time is changed."""
    op = graph.ops[-1]
    need = row_need(graph, op, 0)
    shape = graph.tensors[graph.inputs[0]].shape
    image = np.random.default_rng(0).integers(-100, 100, shape).astype(np.int8)
    before = reference_interpreter.run(graph, image)[op.outputs[0]]
    for row in range(shape[1]):
        changed = image.copy()
        changed[:, row] += 27
        after = reference_interpreter.run(graph, changed)[op.outputs[0]]
        for y in np.flatnonzero((before != after).any(axis=(0, 2, 3))):
            assert need.first[y] <= row < need.end[y]


@given(graph=operators())
def test_the_validator_finds_the_same_rows_by_itself(graph):
    op = graph.ops[-1]
    need = row_need(graph, op, 0)
    for y in range(graph.output(op).shape[1]):
        ((_, rows),) = rows_read(graph, op, y)
        if rows:
            assert need.first[y] <= rows[0] <= rows[-1] < need.end[y]


@given(graph=operators())
def test_needs_never_fall(graph):
    need = row_need(graph, graph.ops[-1], 0)
    assert (np.diff(need.first) >= 0).all()
    assert (np.diff(need.end) >= 0).all()


def test_rows_of_a_stride_and_of_a_size_that_divide_keep_pace():
    net = NetworkBuilder(0)
    x = net.image(12, 4, 2)
    graph = net.graph(
        net.conv(x, 2, (3, 3), padding="SAME", stride_height=2),
        net.resize(x, 36, 4),
        net.resize(x, 13, 4),
    )
    strides = [row_need(graph, op, 0).stride for op in graph.ops]
    assert [None if s is None else float(s) for s in strides] == [2, pytest.approx(1 / 3), None]


def test_a_row_that_is_broadcast_is_needed_all_the_time():
    net = NetworkBuilder(0)
    x = net.quantize(net.image(6, 4, 2))
    row = net.conv(net.mean(x, keep_dims=True), 2)
    graph = net.graph(net.add(row, x))
    op = graph.ops[-1]
    assert row_need(graph, op, 0).end.tolist() == [1] * 6
    assert row_need(graph, op, 0).stride is None
    assert not works_in_place(graph, op, 0)
    assert works_in_place(graph, op, 1)


def test_operators_that_are_not_over_images_have_no_rows():
    net = NetworkBuilder(0)
    x = net.conv(net.image(6, 4, 2), 2)
    graph = net.graph(net.mean(x), net.softmax(net.reshape(x, 1, 24, 2)), net.logistic(x))
    assert [row_need(graph, op, 0) for op in graph.ops[1:]] == [None] * 4
