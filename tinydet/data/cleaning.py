"""From the boxes as labelled to the boxes as used: chosen classes, clipped, each once, counted."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray, IntArray, clip_boxes
from tinydet.data.findings import MAX_EXAMPLES
from tinydet.data.readers.annotations import Annotations
from tinydet.errors import DataError, near_name, readable

BoolArray = npt.NDArray[np.bool_]

# Labels are written with six decimals as a rule: what is beyond the edge by less is rounding.
ROUNDING = 1e-5
MAX_NAMES_SHOWN = 20


def choose_classes(
    known: Sequence[str], class_names: Sequence[str] | None, where: object, are_open: bool = False
) -> tuple[tuple[str, ...], IntArray]:
    """The classes to use and the way from the data set's class ids to theirs.

    Args:
        known: Classes of the data set.
        class_names: The user's choice and order; None or empty takes those of the data set.
        where: The data set, for the error.
        are_open: The label files list no classes, ``known`` are those seen.

    Returns:
        ``(names, new_ids)``: new_ids ``[number of classes of the data set]``, -1 for classes left
        out.

    Raises:
        DataError: A chosen name is not a class of the data set, or is chosen twice.
    """
    chosen = tuple(class_names or known)
    there = set(known)
    for name in chosen if class_names else ():
        if chosen.count(name) > 1:
            found = f"the class {readable(name)!r} is given twice"
            raise DataError(where, found, "Name each class once.")
        if name not in there:
            _refuse_unless_open(known, name, chosen, where, are_open)
    position = {name: index for index, name in enumerate(chosen)}
    return chosen, np.array([position.get(name, -1) for name in known], np.int64)


def _refuse_unless_open(
    known: Sequence[str], name: str, chosen: Sequence[str], where: object, are_open: bool
) -> None:
    """A format without a list of classes may lack one in this part: then only a typo is refused."""
    hint = near_name(name, [k for k in known if k not in chosen])
    if are_open and not hint and any(c in known for c in chosen):
        return
    if are_open and not known:
        return
    shown = [readable(k, 40) for k in known[:MAX_NAMES_SHOWN]]
    listed = ", ".join(shown) + (", ..." if len(known) > MAX_NAMES_SHOWN else "")
    raise DataError(
        where,
        f"the data set has no class {readable(name)!r}",
        f"{hint.strip()} Its classes: {listed}.".strip(),
    )


def clean_boxes(
    annotations: Annotations, new_ids: IntArray
) -> tuple[IntArray, FloatArray, IntArray, BoolArray]:
    """Drop, clip and select boxes of all images at once; every change is counted.

    Args:
        annotations: What was read; its findings are added to.
        new_ids: See ``choose_classes``.

    Returns:
        ``(image_index, boxes, class_ids, ignored)``, one entry per kept box, image by
        image, in the order read; boxes in [0, 1] with area > 0.
    """
    image_index = np.array(annotations.image_index, np.int64)
    order = np.argsort(image_index, kind="stable")
    image_index = image_index[order]
    class_ids = new_ids[np.array(annotations.class_ids, np.int64)][order]
    given = np.array(annotations.boxes, np.float64).reshape(-1, 4)[order]
    ignored = np.array(annotations.ignored, np.bool_)[order]
    boxes = clip_boxes(given.astype(np.float32))

    chosen = class_ids >= 0
    empty = chosen & ~_has_area(given.astype(np.float32))
    outside = chosen & ~empty & ~_has_area(boxes)
    keep = chosen & ~empty & ~outside
    beyond = (given < -ROUNDING) | (given > 1 + ROUNDING)
    clipped = keep & beyond.any(axis=1)
    duplicate = _repeated(image_index, boxes, class_ids, ignored, keep)
    for kind, mask in (
        ("other_class_boxes", ~chosen),
        ("zero_area_boxes", empty),
        ("outside_boxes", outside),
        ("duplicate_boxes", duplicate),
        ("clipped_boxes", clipped & ~duplicate),
    ):
        _count(annotations, kind, image_index[mask])
    keep = keep & ~duplicate
    return image_index[keep], boxes[keep], class_ids[keep], ignored[keep]


def _has_area(boxes: FloatArray) -> BoolArray:
    return np.asarray((boxes[:, 2:] > boxes[:, :2]).all(axis=1), np.bool_)


def _repeated(
    image_index: IntArray,
    boxes: FloatArray,
    class_ids: IntArray,
    ignored: BoolArray,
    keep: BoolArray,
) -> BoolArray:
    """Boxes that an earlier kept box of the same image, class and flag equals."""
    repeated = np.zeros(len(boxes), np.bool_)
    rows = np.flatnonzero(keep)
    if len(rows) < 2:
        return repeated
    columns = [*boxes[rows].T, ignored[rows], class_ids[rows], image_index[rows]]
    order = np.lexsort(columns)  # stable: of equal boxes the earlier one comes first
    same = np.ones(len(order) - 1, np.bool_)
    for column in columns:
        same &= column[order][1:] == column[order][:-1]
    repeated[rows[order[1:][same]]] = True
    return repeated


def _count(annotations: Annotations, kind: str, image_index: IntArray) -> None:
    if not len(image_index):
        return
    images, counts = np.unique(image_index, return_counts=True)
    for image, count in zip(images[:MAX_EXAMPLES], counts[:MAX_EXAMPLES], strict=True):
        annotations.findings.add(kind, annotations.paths[image], int(count))
    if len(images) > MAX_EXAMPLES:
        rest = annotations.paths[images[MAX_EXAMPLES]]
        annotations.findings.add(kind, rest, int(counts[MAX_EXAMPLES:].sum()))
