"""Anchor grid and box coder of the detector: corner offsets relative to an anchor."""

from math import ceil, sqrt

import numpy as np

from tinydet.boxes import FloatArray

NUM_LEVELS = 5
FIRST_STRIDE = 8
# The published anchors have s_min(n) = a * n**-5 + b for an n x n first feature map, fixed by
# its two published sizes (24 cells: 192 px input, 52 cells: 416 px).
PUBLISHED_SMALLEST = {24: (0.26, 0.33), 52: (0.06, 0.09)}


def feature_map_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """``(rows, columns)`` of the five pyramid levels, strides 8 to 128.

    Each level is half of the one before, rounded up.

    Args:
        height: Network input height, pixels.
        width: Network input width, pixels.

    >>> feature_map_sizes(192, 416)
    [(24, 52), (12, 26), (6, 13), (3, 7), (2, 4)]
    """
    sizes = [(ceil(height / FIRST_STRIDE), ceil(width / FIRST_STRIDE))]
    while len(sizes) < NUM_LEVELS:
        rows, columns = sizes[-1]
        sizes.append((ceil(rows / 2), ceil(columns / 2)))
    return sizes


def published_smallest(cells: int) -> tuple[float, float]:
    """``(s0, s1)`` of the first level in the published layout.

    Args:
        cells: Side of the first feature map; of a rectangular input the larger one.

    >>> [round(s, 5) for s in published_smallest(32)]
    [0.1042, 0.14304]
    """
    (n_low, low), (n_high, high) = PUBLISHED_SMALLEST.items()
    sizes = []
    for s_low, s_high in zip(low, high, strict=True):
        slope = (s_low - s_high) / (n_low**-5 - n_high**-5)
        sizes.append(s_high + slope * (cells**-5 - n_high**-5))
    return sizes[0], sizes[1]


def make_anchors(
    height: int,
    width: int,
    smallest: tuple[float, float] | None = None,
    largest: tuple[float, float] = (0.90, 0.98),
    aspect_ratios: tuple[float, ...] = (1.0, 2.0, 1 / 2, 1 / 3),
) -> FloatArray:
    """All anchors of the network, in the order of its outputs: level, row, column, anchor.

    A cell has one anchor ``s0 * (sqrt(r), 1 / sqrt(r))`` for each aspect ratio r and a last one
    ``(s1, s1)``. ``(s0, s1)`` is evenly spaced over the levels from ``smallest`` to ``largest``.
    Centres are at ``(i + 0.5) / n``.

    Args:
        height: Network input height, pixels.
        width: Network input width, pixels.
        smallest: ``(s0, s1)`` of the first level, fractions of the shorter side; None takes the
            published formula.
        largest: ``(s0, s1)`` of the last level.
        aspect_ratios: width / height, all > 0.

    Returns:
        ``[NA, 4]`` ``(x_min, y_min, x_max, y_max)``, fractions of the image; may reach outside
        [0, 1].

    Reference:
        Liu et al., 2016, "SSD: Single Shot MultiBox Detector", section 2.2.

    >>> make_anchors(192, 192)[:2].round(5)
    array([[-0.10917, -0.10917,  0.15083,  0.15083],
           [-0.16301, -0.07109,  0.20468,  0.11276]], dtype=float32)
    """
    sizes = feature_map_sizes(height, width)
    first = smallest or published_smallest(max(sizes[0]))
    x_unit, y_unit = min(height, width) / width, min(height, width) / height
    levels = []
    for level, (rows, columns) in enumerate(sizes):
        share = level / (NUM_LEVELS - 1)
        s0, s1 = (a + (b - a) * share for a, b in zip(first, largest, strict=True))
        sides = [(s0 * sqrt(r), s0 / sqrt(r)) for r in aspect_ratios] + [(s1, s1)]
        half = np.array(sides) * (x_unit / 2, y_unit / 2)
        centres = np.stack(
            np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows),
            axis=-1,
        )[:, :, None, :]
        levels.append(np.concatenate([centres - half, centres + half], axis=-1).reshape(-1, 4))
    return np.concatenate(levels).astype(np.float32)


def encode_boxes(boxes: FloatArray, anchors: FloatArray) -> FloatArray:
    """The inverse of ``decode_boxes``: offsets that turn each anchor into its box.

    Args:
        boxes: ``[N, 4]``.
        anchors: ``[N, 4]``, width and height > 0.

    Returns:
        Offsets ``[N, 4]`` in units of the anchor's width and height.

    Raises:
        ValueError: The two arrays do not have the same ``[N, 4]`` shape.
    """
    units = _corner_units(boxes, anchors)
    return (boxes - anchors) / units


def decode_boxes(box_deltas: FloatArray, anchors: FloatArray) -> FloatArray:
    """Turn the box regression of the head into boxes.

    Each corner moves by its delta times the width (x) or height (y) of the anchor; a delta of 0 is
    the anchor itself. No exponential, so the device decodes with one multiply and one add.

    Args:
        box_deltas: Offsets ``(dx_min, dy_min, dx_max, dy_max)`` in units of the anchor's width and
            height, shape ``[N, 4]``.
        anchors: Anchors ``(x_min, y_min, x_max, y_max)``, fractions of the image, may reach outside
            [0, 1], width and height > 0, shape ``[N, 4]``.

    Returns:
        Boxes ``(x_min, y_min, x_max, y_max)``, fractions of the image, not clipped to [0, 1],
        shape ``[N, 4]``.

    Raises:
        ValueError: The two arrays do not have the same ``[N, 4]`` shape.

    >>> anchor = np.array([[0.25, 0.25, 0.75, 0.5]], np.float32)
    >>> decode_boxes(np.array([[0, 1, 0.5, 0]], np.float32), anchor)
    array([[0.25, 0.5 , 1.  , 0.5 ]], dtype=float32)
    """
    return anchors + box_deltas * _corner_units(box_deltas, anchors)


def _corner_units(rows: FloatArray, anchors: FloatArray) -> FloatArray:
    if rows.shape != anchors.shape or rows.shape[1:] != (4,):
        raise ValueError(
            f"both arrays must be [N, 4], got {rows.shape} and anchors {anchors.shape}"
        )
    sides = anchors[:, 2:] - anchors[:, :2]
    return np.concatenate([sides, sides], axis=1)
