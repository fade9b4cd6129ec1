"""Which output of a model is which: scores, box deltas, anchors; and whether that is so.

Files in use have one joined output, two, or three in any order (the converter sorts outputs by
its own rules), so what each is is read off the outputs for two different inputs. Shapes prove
nothing: the outputs of other networks can have them by chance, and would give boxes without sense.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinydet.boxes import FloatArray

BOX_COLUMNS = 4
MIN_SCORES = 2  # the background and one class
# Mean distance from 1 that the scores of an anchor may sum to: int8 softmax rounds each score to
# 1/256, so even 80 classes stay far below it. Deltas sum to about 0, anchors to anything.
SOFTMAX_LIMIT = 0.2
SCORE_SLACK = 0.02  # beyond 0..1, by rounding
ANCHOR_RANGE = (-4.0, 5.0)  # an anchor reaches at most a few images beyond the edge
BACKGROUND_LIMIT = 0.5  # mean background score of sigmoid scores on a black image


class NoDetectorError(Exception):
    """The outputs are not those of a detector; the message says why, without a full stop."""


@dataclass(frozen=True)
class OutputRoles:
    """Where scores, deltas and anchors are in the list of outputs.

    Attributes:
        scores: Index of the output with the class scores.
        deltas: Index of the output with the box deltas; equal to ``scores`` for a joined output.
        anchors: Index of the output with the anchors; None where the model carries none.
    """

    scores: int
    deltas: int
    anchors: int | None

    def split(
        self, outputs: Sequence[FloatArray]
    ) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Scores ``[B, NA, NC]``, deltas ``[B, NA, 4]`` and anchors ``[NA, 4]`` (or None)."""
        if self.scores == self.deltas:
            return split_joined(outputs[self.scores])
        anchors = None if self.anchors is None else outputs[self.anchors][0]
        return outputs[self.scores], outputs[self.deltas], anchors


def split_joined(joined: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Cut ``[B, NA, NC + 8]`` into its three parts.

    Returns:
        Scores ``[B, NA, NC]``, deltas ``[B, NA, 4]`` and anchors ``[NA, 4]``: those of the first
        image, as they are the same for all.
    """
    box, anchor = 2 * BOX_COLUMNS, BOX_COLUMNS
    return joined[..., :-box], joined[..., -box:-anchor], joined[0, :, -anchor:]


def find_roles(probe_a: Sequence[FloatArray], probe_b: Sequence[FloatArray]) -> OutputRoles:
    """Tell the outputs of a detector apart, and prove that they are.

    Scores are the output that has another number of columns than 4, else the one whose rows sum
    to 1 (softmax). Of two outputs of box form, the anchors are the one that does not depend on
    the image.

    Args:
        probe_a: The outputs ``[B, NA, columns]`` for a black image.
        probe_b: The outputs for another image.

    Returns:
        Which is which.

    Raises:
        NoDetectorError: These are not scores with a background, deltas, and constant anchors.
    """
    shapes = [output.shape for output in probe_a]
    listed = f"its output{'s are' if len(shapes) > 1 else ' is'} {shapes_text(shapes)}"
    if any(len(shape) != 3 or shape[1] != shapes[0][1] for shape in shapes):
        raise NoDetectorError(listed)
    roles = _roles_by_columns(probe_a, probe_b, listed)
    prove(roles.split(probe_a), roles.split(probe_b))
    return roles


def shapes_text(shapes: Sequence[Sequence[int]]) -> str:
    """Shapes for people.

    >>> shapes_text([(1, 8400, 84), (1, 10)])
    '1x8400x84, 1x10'
    """
    return ", ".join("x".join(map(str, shape)) for shape in shapes)


def prove(
    first: tuple[FloatArray, FloatArray, FloatArray | None],
    second: tuple[FloatArray, FloatArray, FloatArray | None],
) -> None:
    """Refuse parts that are not what they were taken for.

    Args:
        first: Scores, deltas and anchors for a black image.
        second: Those for another image.

    Raises:
        NoDetectorError: Values that are no numbers, scores outside of 0..1 or without a
            background, anchors that depend on the image or are no boxes.
    """
    for scores, deltas, anchors in (first, second):
        parts = [part for part in (scores, deltas, anchors) if part is not None]
        if not all(np.isfinite(part).all() for part in parts):
            raise NoDetectorError("its outputs contain values that are not numbers")
        _prove_range(scores)
    scores = first[0]
    if softmax_distance(scores) > SOFTMAX_LIMIT and scores[..., 0].mean() < BACKGROUND_LIMIT:
        raise NoDetectorError(
            f"the {scores.shape[-1]} scores of an anchor do not sum to 1, so the first is not "
            "that of the background"
        )
    if first[2] is not None and second[2] is not None:
        _prove_anchors(first[2], second[2])


def _prove_range(scores: FloatArray) -> None:
    low, high = float(scores.min(initial=0)), float(scores.max(initial=0))
    if low < -SCORE_SLACK or high > 1 + SCORE_SLACK:
        raise NoDetectorError(
            f"the candidates for its {scores.shape[-1]} scores range from {low:.3g} to {high:.3g} "
            "instead of 0 to 1"
        )


def _prove_anchors(first: FloatArray, second: FloatArray) -> None:
    if not np.array_equal(first, second):
        raise NoDetectorError("the candidates for its anchors depend on the image")
    low, high = ANCHOR_RANGE
    sides = first[:, 2:] - first[:, :2]
    if sides.min() < 0 or sides.max() <= 0 or first.min() < low or first.max() > high:
        raise NoDetectorError("the candidates for its anchors are not boxes")


def softmax_distance(scores: FloatArray) -> float:
    """How far rows are from being probabilities: mean distance of their sum from 1, plus excess."""
    excess = np.abs(scores - np.clip(scores, 0, 1)).sum(axis=-1)
    return float(np.mean(np.abs(scores.sum(axis=-1) - 1) + excess))


def _roles_by_columns(
    probe_a: Sequence[FloatArray], probe_b: Sequence[FloatArray], listed: str
) -> OutputRoles:
    columns = [output.shape[2] for output in probe_a]
    if len(columns) == 1 and columns[0] >= MIN_SCORES + 2 * BOX_COLUMNS:
        return OutputRoles(scores=0, deltas=0, anchors=None)
    others = [index for index, count in enumerate(columns) if count != BOX_COLUMNS]
    if len(columns) not in (2, 3) or len(others) > 1 or columns[(others or [0])[0]] < MIN_SCORES:
        raise NoDetectorError(listed)
    scores = others[0] if others else _softmax_output(probe_a)
    rest = [index for index in range(len(columns)) if index != scores]
    if len(rest) == 1:
        return OutputRoles(scores, rest[0], None)
    anchors = _find_anchors(probe_a, probe_b, rest)
    return OutputRoles(scores, next(index for index in rest if index != anchors), anchors)


def _softmax_output(outputs: Sequence[FloatArray]) -> int:
    distances = [softmax_distance(output) for output in outputs]
    best = int(np.argmin(distances))
    if not distances[best] <= SOFTMAX_LIMIT:
        raise NoDetectorError(
            "all outputs have 4 columns and in none of them do the rows sum to 1, "
            "so the class scores cannot be told from the boxes"
        )
    return best


def _find_anchors(
    probe_a: Sequence[FloatArray], probe_b: Sequence[FloatArray], candidates: Sequence[int]
) -> int:
    constant = [i for i in candidates if np.array_equal(probe_a[i], probe_b[i])]
    if len(constant) > 1:  # a network whose deltas are dead: only anchors have an area
        constant = [i for i in constant if (probe_a[i][..., 2:] > probe_a[i][..., :2]).all()]
    if len(constant) != 1:
        raise NoDetectorError(
            f"{len(constant)} of its two outputs of 4 columns are constant, "
            "so the anchors cannot be told from the box deltas"
        )
    return constant[0]
