"""Which output of a model is which: scores, box deltas, anchors.

Files in use have one joined output, two, or three in any order (the converter sorts outputs by
its own rules), so what each is is read off the outputs for two different inputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinydet.boxes import FloatArray
from tinydet.errors import ModelFileError

BOX_COLUMNS = 4
# Mean distance from 1 that the scores of an anchor may sum to: int8 softmax rounds each score to
# 1/256, so even 80 classes stay far below it. Deltas sum to about 0, anchors to anything.
SOFTMAX_LIMIT = 0.2


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


def find_roles(
    probe_a: Sequence[FloatArray], probe_b: Sequence[FloatArray], num_classes: int, where: Path
) -> OutputRoles:
    """Tell the outputs of a detector apart.

    Scores have ``1 + num_classes`` columns (background first). Where that is 4, like deltas and
    anchors, they are the output whose rows sum to 1 (softmax). Of two outputs of box form, the
    anchors are the one that does not depend on the image.

    Args:
        probe_a: The outputs ``[B, NA, columns]`` for some input.
        probe_b: The outputs for another input.
        num_classes: Classes expected, without the background.
        where: Path of the model, for the message.

    Returns:
        Which is which.

    Raises:
        ModelFileError: The outputs are not those of a detector with this many classes.
    """
    shapes = [output.shape for output in probe_a]
    if any(len(shape) != 3 or shape[1] != shapes[0][1] for shape in shapes):
        raise _no_detector(where, shapes, num_classes)
    columns = [shape[2] for shape in shapes]
    if len(columns) == 1 and columns[0] == num_classes + 1 + 2 * BOX_COLUMNS:
        return OutputRoles(scores=0, deltas=0, anchors=None)
    if sorted(columns) not in (
        sorted([num_classes + 1, BOX_COLUMNS]),
        sorted([num_classes + 1, BOX_COLUMNS, BOX_COLUMNS]),
    ):
        raise _no_detector(where, shapes, num_classes)
    scores = _find_scores(probe_a, columns, num_classes, where)
    rest = [index for index in range(len(columns)) if index != scores]
    if len(rest) == 1:
        return OutputRoles(scores, rest[0], None)
    anchors = _find_anchors(probe_a, probe_b, rest, where)
    return OutputRoles(scores, next(index for index in rest if index != anchors), anchors)


def softmax_distance(scores: FloatArray) -> float:
    """How far rows are from being probabilities: mean distance of their sum from 1, plus excess."""
    excess = np.abs(scores - np.clip(scores, 0, 1)).sum(axis=-1)
    return float(np.mean(np.abs(scores.sum(axis=-1) - 1) + excess))


def _find_scores(
    outputs: Sequence[FloatArray], columns: Sequence[int], num_classes: int, where: Path
) -> int:
    if num_classes + 1 != BOX_COLUMNS:
        return list(columns).index(num_classes + 1)
    distances = [softmax_distance(output) for output in outputs]
    best = int(np.argmin(distances))
    if distances[best] > SOFTMAX_LIMIT:
        raise ModelFileError(
            where,
            "all outputs have 4 columns and in none of them do the rows sum to 1, "
            "so the class scores cannot be told from the boxes",
            "Convert the model with a softmax over the classes.",
        )
    return best


def _find_anchors(
    probe_a: Sequence[FloatArray],
    probe_b: Sequence[FloatArray],
    candidates: Sequence[int],
    where: Path,
) -> int:
    constant = [i for i in candidates if np.array_equal(probe_a[i], probe_b[i])]
    if len(constant) > 1:  # a network whose deltas are dead: only anchors have an area
        constant = [i for i in constant if (probe_a[i][..., 2:] > probe_a[i][..., :2]).all()]
    if len(constant) != 1:
        raise ModelFileError(
            where,
            f"{len(constant)} of its two outputs of 4 columns are constant, "
            "so the anchors cannot be told from the box deltas",
            "Give a model whose anchors do not depend on the image.",
        )
    return constant[0]


def _no_detector(
    where: Path, shapes: Sequence[tuple[int, ...]], num_classes: int
) -> ModelFileError:
    found = ", ".join("x".join(map(str, shape)) for shape in shapes)
    names = f"{num_classes} class name" + ("s" if num_classes != 1 else "")
    scores = _scores_of_other_classes([shape[-1] if shape else 0 for shape in shapes])
    remedy = (
        f"This model has {scores - 1} classes: give that many class_names."
        if scores and scores != num_classes + 1
        else "Give a detector: scores, box deltas and anchors, joined or as separate outputs."
    )
    return ModelFileError(
        where,
        f"its outputs are {found}, but {names} need {num_classes + 1} score columns "
        f"(background first) plus 4 of deltas and 4 of anchors for each anchor",
        remedy,
    )


def _scores_of_other_classes(columns: Sequence[int]) -> int | None:
    """Number of score columns if this would be a detector with another number of classes."""
    if len(columns) == 1:
        scores = columns[0] - 2 * BOX_COLUMNS
    elif len(columns) in (2, 3) and columns.count(BOX_COLUMNS) >= len(columns) - 1:
        scores = sum(columns) - (len(columns) - 1) * BOX_COLUMNS
    else:
        return None
    return scores if scores >= 2 else None
