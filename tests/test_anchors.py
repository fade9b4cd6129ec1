"""The anchor grid against published numbers and a plain loop; the box coder is its own inverse."""

from math import ceil, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydet.anchors import (
    decode_boxes,
    encode_boxes,
    feature_map_sizes,
    make_anchors,
    published_smallest,
)
from tinydet.config.detector_spec import SIDES_PX

PUBLISHED_COUNTS = {192: 3845, 224: 5245, 256: 6820, 416: 18070}
PUBLISHED_MAPS = {
    192: [24, 12, 6, 3, 2],
    224: [28, 14, 7, 4, 2],
    256: [32, 16, 8, 4, 2],
    416: [52, 26, 13, 7, 4],
}


@pytest.mark.parametrize(("side", "count"), PUBLISHED_COUNTS.items())
def test_number_of_anchors_is_the_published_one(side, count):
    assert make_anchors(side, side).shape == (count, 4)


@pytest.mark.parametrize(("side", "sides"), PUBLISHED_MAPS.items())
def test_feature_maps_are_the_published_ones(side, sides):
    assert feature_map_sizes(side, side) == [(n, n) for n in sides]


@pytest.mark.parametrize(
    ("cells", "sizes"),
    [(24, (0.26, 0.33)), (52, (0.06, 0.09)), (32, (0.1042, 0.14304))],
)
def test_smallest_sizes_are_the_published_ones(cells, sizes):
    assert published_smallest(cells) == pytest.approx(sizes, abs=5e-6)


def anchors_oracle(height, width, aspect_ratios):
    """Level by level, cell by cell, in pixels; divided by the image size at the end."""
    rows, columns = ceil(height / 8), ceil(width / 8)
    first = published_smallest(max(rows, columns))
    short = min(height, width)
    for level in range(5):
        s0, s1 = (f + (b - f) * level / 4 for f, b in zip(first, (0.90, 0.98), strict=True))
        for row in range(rows):
            for column in range(columns):
                cx, cy = (column + 0.5) * width / columns, (row + 0.5) * height / rows
                for r in [*aspect_ratios, None]:
                    w = short * (s1 if r is None else s0 * sqrt(r))
                    h = short * (s1 if r is None else s0 / sqrt(r))
                    corners = cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2
                    yield [v / n for v, n in zip(corners, (width, height) * 2, strict=True)]
        rows, columns = ceil(rows / 2), ceil(columns / 2)


@pytest.mark.parametrize("size", [(192, 192), (192, 320), (416, 224)])
def test_order_is_level_row_column_anchor(size):
    anchors = make_anchors(*size)
    expected = np.array(list(anchors_oracle(*size, (1.0, 2.0, 1 / 2, 1 / 3))))
    np.testing.assert_allclose(anchors, expected, atol=1e-6)


@settings(deadline=None)
@given(st.sampled_from(SIDES_PX), st.sampled_from(SIDES_PX))
def test_aspect_ratios_hold_in_pixels(height, width):
    """An anchor of ratio r is r times as wide as tall in the picture, square input or not."""
    anchors = make_anchors(height, width).astype(np.float64).reshape(-1, 5, 4)
    sides = (anchors[..., 2:] - anchors[..., :2]) * (width, height)
    ratios = sides[..., 0] / sides[..., 1]
    np.testing.assert_allclose(
        ratios, np.tile([1, 2, 1 / 2, 1 / 3, 1], (len(ratios), 1)), rtol=1e-5
    )


def test_sizes_grow_evenly_to_the_largest():
    anchors = make_anchors(256, 256, smallest=(0.1, 0.2), largest=(0.9, 0.6), aspect_ratios=(1.0,))
    side = (anchors[:, 2] - anchors[:, 0]).reshape(-1, 2)
    cells = np.cumsum([0, 32 * 32, 16 * 16, 8 * 8, 4 * 4])
    expected = [[0.1, 0.2], [0.3, 0.3], [0.5, 0.4], [0.7, 0.5], [0.9, 0.6]]
    np.testing.assert_allclose(side[cells], expected, atol=1e-6)


@st.composite
def boxes_and_anchors(draw):
    seed, count = draw(st.integers(0, 2**32 - 1)), draw(st.integers(0, 50))
    rng = np.random.default_rng(seed)
    anchors = make_anchors(192, 256)
    boxes = rng.uniform(-0.5, 1.5, (count, 4)).astype(np.float32)
    return boxes, anchors[rng.integers(0, len(anchors), count)]


@settings(deadline=None)
@given(boxes_and_anchors())
def test_decode_undoes_encode(pair):
    boxes, anchors = pair
    np.testing.assert_allclose(
        decode_boxes(encode_boxes(boxes, anchors), anchors), boxes, atol=2e-6
    )


@settings(deadline=None)
@given(boxes_and_anchors())
def test_each_corner_moves_by_its_delta_times_the_side_of_the_anchor(pair):
    deltas, anchors = pair
    decoded = decode_boxes(deltas, anchors)
    for corner, axis in enumerate((0, 1, 0, 1)):
        side = anchors[:, axis + 2] - anchors[:, axis]
        expected = anchors[:, corner] + deltas[:, corner] * side
        np.testing.assert_array_equal(decoded[:, corner], expected)


@pytest.mark.parametrize("coder", [encode_boxes, decode_boxes])
@pytest.mark.parametrize("shape", [(3, 4), (2, 3), (8,)])
def test_shapes_must_agree(coder, shape):
    with pytest.raises(ValueError, match=r"both arrays must be \[N, 4\]"):
        coder(np.zeros(shape, np.float32), np.zeros((2, 4), np.float32))
