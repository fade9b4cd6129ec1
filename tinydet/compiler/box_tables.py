"""The numbers that ``kernels/td_boxes.c`` takes: codes for thresholds, tables for anchors.

Everything that needs more than float32 is worked out here, so that the device has none of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray
from tinydet.config.detector_spec import PostprocessSpec
from tinydet.errors import CompilerError
from tinydet.inference.post_processing import PostProcessing

RANK_BITS = 24  # of a candidate's rank, for class and anchor; the upper 8 hold the score
BYTES_PER_CANDIDATE = 4
BYTES_PER_VOTED_BOX = 20  # TD_BOX_VOTING_SCRATCH_BYTES
MAX_SIDE = 1e18  # of a box, in images: its area is a float32
MAX_EDGE_PAIRS = 65536  # their places are written in 16 bits


@dataclass(frozen=True)
class AnchorGrid:
    """All anchors of a grid from tables of their edges, exact to the last bit.

    Horizontally an anchor depends on its column and kind only, vertically on its row and kind
    only. Equal tables are stored once.

    Attributes:
        level_sizes: ``(rows, columns)`` of each level.
        per_cell: Kinds of anchors, the anchors of one cell.
        edge_starts: ``[levels, per_cell, 2]``: first row in ``edges`` of the table along x and of
            that along y.
        edges: ``[pairs, 2]`` float32 ``(min, max)``.
    """

    level_sizes: tuple[tuple[int, int], ...]
    per_cell: int
    edge_starts: npt.NDArray[np.uint16]
    edges: FloatArray


def score_threshold_code(scale: float, zero_point: int, score_threshold: float) -> int:
    """The smallest int8 code whose score passes the threshold.

    ``float32(code - zero_point) * float32(scale) >= float32(score_threshold)`` holds for exactly
    the codes from the returned one on.

    Args:
        scale: Scale of the scores, > 0.
        zero_point: Zero point of the scores.
        score_threshold: As in ``PostprocessSpec``.

    Returns:
        -128..127, or 128 where no score passes.

    Raises:
        CompilerError: The scale does not tell the codes apart.

    >>> score_threshold_code(1 / 256, -128, 0.5), score_threshold_code(1 / 256, -128, 0.001)
    (0, -127)
    >>> score_threshold_code(1 / 256, -128, 1.0)
    128
    """
    codes = np.arange(-128, 128)
    with np.errstate(over="ignore", under="ignore"):
        scores = (codes - zero_point).astype(np.float32) * np.float32(scale)
    if not (np.isfinite(scores).all() and (np.diff(scores) > 0).all()):
        raise CompilerError(
            [f"class scores have the scale {scale}: their codes cannot be told apart"]
        )
    return int(np.searchsorted(scores, np.float32(score_threshold))) - 128


def ssd_code_tables(
    operator: PostProcessing, scale: float, zero_point: int
) -> tuple[FloatArray, FloatArray]:
    """What each int8 box code stands for, in sides of the anchor.

    Args:
        operator: Its scales count.
        scale: Scale of the box codes.
        zero_point: Their zero point.

    Returns:
        Shifts of the centre ``[2 (y, x), 256]`` and half sides ``[2 (h, w), 256]``, float32, from
        code -128 on: exactly what ``PostProcessing.decode`` takes.

    Raises:
        CompilerError: A box could have an area beyond float32.
    """
    codes = np.arange(-128, 128, dtype=np.float32)[:, None].repeat(4, axis=1)
    shifts, half_sides = operator.decoded_codes((codes - zero_point) * np.float32(scale))
    largest = np.abs(np.concatenate([shifts, 2 * half_sides])).max() * operator.anchors.max()
    if not largest < MAX_SIDE:
        raise CompilerError([f"box codes with the scale {scale} give boxes of any size"])
    return shifts.T.astype(np.float32), half_sides.T.astype(np.float32)


def anchor_bits(num_anchors: int, num_classes: int) -> int:
    """Bits for the anchor in a candidate's rank; the class takes those above.

    Args:
        num_anchors: Anchors of the network, > 0.
        num_classes: Classes without the background, > 0.

    Returns:
        The smallest ``b`` with ``num_anchors <= 2**b``.

    Raises:
        CompilerError: Class and anchor do not fit the rank together.

    >>> anchor_bits(3845, 1), anchor_bits(18070, 80)
    (12, 15)
    """
    bits = (num_anchors - 1).bit_length()
    if bits + (num_classes - 1).bit_length() > RANK_BITS:
        raise CompilerError(
            [
                f"{num_anchors} anchors and {num_classes} classes are more than suppression can "
                f"rank (their numbers, rounded up to powers of two, may give 2**{RANK_BITS})"
            ]
        )
    return bits


def candidate_scratch_bytes(max_candidates: int) -> int:
    """Scratch of ``td_find_boxes`` in the arena while it runs; 4-byte aligned.

    Any ``max_candidates`` >= 1 gives the same detections. N candidates above the threshold take at
    most ``N // max_candidates + 1`` passes over the scores, so a good choice is what the arena has
    free beside scores and deltas, at most ``num_anchors * num_classes``.
    """
    return BYTES_PER_CANDIDATE * max_candidates


def boxes_scratch_bytes(max_candidates: int, postprocess: PostprocessSpec, most: int) -> int:
    """Scratch of all that finds boxes: that of the candidates, and the sums of box voting.

    Args:
        max_candidates: See ``candidate_scratch_bytes``.
        postprocess: Says whether boxes are voted on, and how many at most.
        most: Candidates that there can be: anchors times classes.

    >>> boxes_scratch_bytes(256, PostprocessSpec(), 3845)
    1024
    >>> boxes_scratch_bytes(256, PostprocessSpec(box_voting_iou=0.7), 3845)
    3024
    """
    voted = 0 if postprocess.box_voting_iou is None else min(postprocess.max_detections, most)
    return candidate_scratch_bytes(max_candidates) + BYTES_PER_VOTED_BOX * voted


def anchor_grid(
    anchors: FloatArray, level_sizes: Sequence[tuple[int, int]], per_cell: int
) -> AnchorGrid | None:
    """Tables of a grid's edges, if the anchors are a grid.

    Args:
        anchors: ``[NA, 4]`` float32 ``(x_min, y_min, x_max, y_max)``, in the order level, row,
            column, kind.
        level_sizes: ``(rows, columns)`` of each level.
        per_cell: Anchors of one cell.

    Returns:
        The tables, from which every anchor is reproduced bit for bit; None where some x edge
        depends on the row, some y edge on the column, or the number of anchors is another one.
    """
    cells = [rows * columns for rows, columns in level_sizes]
    if len(anchors) != per_cell * sum(cells):
        return None
    pool: dict[bytes, int] = {}
    tables: list[FloatArray] = []
    starts = []
    first = 0
    for (rows, columns), count in zip(level_sizes, cells, strict=True):
        level = anchors[first : first + count * per_cell].reshape(rows, columns, per_cell, 2, 2)
        first += count * per_cell
        # Axes are rows, columns, kinds, the two corners, x and y.
        x_edges, y_edges = level[0, :, :, :, 0], level[:, 0, :, :, 1]
        if not _same_bits(level[..., 0], x_edges[None]):
            return None
        if not _same_bits(level[..., 1], y_edges[:, None]):
            return None
        for kind in range(per_cell):
            for edges in (x_edges[:, kind], y_edges[:, kind]):
                starts.append(_place_in_pool(np.ascontiguousarray(edges), pool, tables))
    pairs = np.concatenate(tables).astype(np.float32)
    if len(pairs) > MAX_EDGE_PAIRS:
        return None
    edge_starts = np.array(starts, np.uint16).reshape(len(level_sizes), per_cell, 2)
    return AnchorGrid(tuple(level_sizes), per_cell, edge_starts, pairs)


def _same_bits(values: FloatArray, expected: FloatArray) -> bool:
    same = np.equal(
        np.ascontiguousarray(values).view(np.uint32),
        np.ascontiguousarray(expected).view(np.uint32),
    )
    return bool(same.all())


def _place_in_pool(edges: FloatArray, pool: dict[bytes, int], tables: list[FloatArray]) -> int:
    """Where a table ``[n, 2]`` starts among all pairs; it is appended unless it is there."""
    key = edges.tobytes()
    if key not in pool:
        pool[key] = sum(map(len, tables))
        tables.append(edges)
    return pool[key]
