"""Tables and codes for the C boxes part and place exactly as the real numbers do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydet.anchors import feature_map_sizes, make_anchors
from tinydet.compiler.box_tables import anchor_bits, anchor_grid, score_threshold_code
from tinydet.errors import CompilerError


@given(
    st.floats(1e-6, 1e6), st.integers(-128, 127), st.one_of(st.floats(-10, 1e4), st.floats(0, 1))
)
def test_the_threshold_code_parts_the_scores(scale, zero_point, threshold):
    first = score_threshold_code(scale, zero_point, threshold)
    for code in range(-128, 128):
        score = np.float32(code - zero_point) * np.float32(scale)
        assert (code >= first) == (score >= np.float32(threshold))


@given(st.integers(1, 500), st.integers(1, 500))
def test_a_recipe_is_a_grid(height, width):
    """Every corner is found in the tables by its row, column and kind, bit for bit."""
    anchors, sizes = make_anchors(height, width), feature_map_sizes(height, width)
    grid = anchor_grid(anchors, sizes, 5)
    rows = []
    for level, (num_rows, num_columns) in enumerate(sizes):
        starts = grid.edge_starts[level].astype(int)
        x = grid.edges[starts[None, :, 0] + np.arange(num_columns)[:, None]]
        y = grid.edges[starts[None, :, 1] + np.arange(num_rows)[:, None]]
        shape = num_rows, num_columns, 5
        corners = [x[None, :, :, 0], y[:, None, :, 0], x[None, :, :, 1], y[:, None, :, 1]]
        rows.append(np.stack([np.broadcast_to(c, shape) for c in corners], -1).reshape(-1, 4))
    assert np.concatenate(rows).tobytes() == anchors.tobytes()


def test_tables_are_a_few_kilobytes():
    anchors, sizes = make_anchors(192, 192), feature_map_sizes(192, 192)
    grid = anchor_grid(anchors, sizes, 5)
    assert grid.edge_starts.nbytes + grid.edges.nbytes < 2500 < anchors.nbytes / 20


def test_what_is_no_grid_is_told():
    anchors, sizes = make_anchors(64, 96), feature_map_sizes(64, 96)
    assert anchor_grid(anchors[:-1], sizes, 5) is None
    for corner in range(4):
        moved = anchors.copy()
        moved[217, corner] = np.nextafter(moved[217, corner], 2)
        assert anchor_grid(moved, sizes, 5) is None


@given(st.integers(1, 20000), st.integers(1, 100))
def test_class_and_anchor_share_a_rank(num_anchors, num_classes):
    bits = anchor_bits(num_anchors, num_classes)
    assert 2**bits >= num_anchors > 2**bits // 2
    assert (num_classes - 1) << bits | (num_anchors - 1) < 2**24


def test_what_cannot_be_ranked_is_refused():
    assert anchor_bits(2**24, 1) == 24
    assert anchor_bits(2**17, 2**7) == 17
    with pytest.raises(CompilerError, match="131073 anchors and 128 classes"):
        anchor_bits(2**17 + 1, 2**7)


@pytest.mark.parametrize("scale", [0.0, -0.1, 1e-46, 1e38, float("nan")])
def test_scores_that_cannot_be_told_apart_are_refused(scale):
    with pytest.raises(CompilerError, match="codes cannot be told"):
        score_threshold_code(scale, 0, 0.5)
