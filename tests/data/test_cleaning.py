"""No box is dropped or moved without being counted, whatever the labels say."""

from array import array
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydet.data.cleaning import choose_classes, clean_boxes
from tinydet.data.readers.annotations import Annotations
from tinydet.errors import DataError

NAMES = ["cat", "dog", "owl"]
WHERE = Path("set")
sides = st.integers(-4, 12).map(lambda v: v / 8)  # 0 to 8 lie in the image, exact in float32
boxes = st.tuples(sides, sides, sides, sides).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)
rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), boxes, st.booleans()), max_size=12)


def annotations_of(rows):
    result = Annotations("YOLO", list(NAMES))
    for image in range(4):
        result.add_image(Path(f"{image}.jpg"))
        for row in rows:
            if row[0] == image:
                result.add_box(row[1], row[2], row[3])
    return result


def expected(rows, chosen):
    """The definition, one box after the other."""
    kept, counts, seen = [], Counter(), set()
    for image, class_id, (x0, y0, x1, y1), ignored in sorted(rows, key=lambda row: row[0]):
        clipped = tuple(min(max(v, 0.0), 1.0) for v in (x0, y0, x1, y1))
        new = (image, clipped, NAMES[class_id], ignored)
        if NAMES[class_id] not in chosen:
            counts["other_class_boxes"] += 1
        elif x0 == x1 or y0 == y1:
            counts["zero_area_boxes"] += 1
        elif clipped[0] == clipped[2] or clipped[1] == clipped[3]:
            counts["outside_boxes"] += 1
        elif new in seen:
            counts["duplicate_boxes"] += 1
        else:
            seen.add(new)
            kept.append(new)
            counts["clipped_boxes"] += clipped != (x0, y0, x1, y1)
    return kept, +counts


@given(rows, st.permutations(NAMES), st.integers(1, 3))
def test_boxes_and_counts_follow_the_definition(rows, names, num_chosen):
    chosen = names[:num_chosen]
    annotations = annotations_of(rows)
    class_names, new_ids = choose_classes(NAMES, chosen, WHERE)
    image_index, clean, class_ids, ignored = clean_boxes(annotations, new_ids)
    got = [
        (image, tuple(box), class_names[class_id], flag)
        for image, box, class_id, flag in zip(
            image_index.tolist(), clean.tolist(), class_ids, ignored.tolist(), strict=True
        )
    ]
    kept, counts = expected(rows, chosen)
    assert got == kept
    assert annotations.findings.counts == counts
    dropped = sum(n for kind, n in counts.items() if kind != "clipped_boxes")
    assert len(kept) + dropped == len(rows)


def test_rounding_of_written_labels_is_no_finding():
    annotations = annotations_of([(0, 0, (-4e-7, 0.5, 0.2, 1.0000006), False)])
    _, boxes, _, _ = clean_boxes(annotations, np.arange(3))
    assert boxes.min() == 0
    assert boxes.max() == 1
    assert annotations.findings.counts == {}


def test_examples_name_few_files_and_count_all():
    annotations = Annotations("YOLO", ["cat"])
    for image in range(9):
        annotations.add_image(Path(f"{image}.jpg"))
        annotations.add_box(0, (0.5, 0.5, 0.5, 0.75))
        annotations.add_box(0, (0.5, 0.5, 0.5, 0.75))
    clean_boxes(annotations, np.arange(1))
    assert annotations.findings.counts == {"zero_area_boxes": 18}
    assert annotations.findings.examples == {"zero_area_boxes": [f"{i}.jpg" for i in range(5)]}


@pytest.mark.parametrize("names", [None, [], NAMES])
def test_all_classes(names):
    class_names, new_ids = choose_classes(NAMES, names, WHERE)
    assert class_names == tuple(NAMES)
    assert new_ids.tolist() == [0, 1, 2]


def test_subset_and_order():
    class_names, new_ids = choose_classes(NAMES, ["owl", "cat"], WHERE)
    assert class_names == ("owl", "cat")
    assert new_ids.tolist() == [1, -1, 0]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["dgo"], "no class 'dgo'. Did you mean 'dog'? Its classes: cat, dog, owl."),
        (["cat", "tiger"], "no class 'tiger'. Its classes: cat, dog, owl."),
        (["cat", "dog", "cat"], "class 'cat' is given twice. Name each class once."),
    ],
)
def test_wrong_class_names(chosen, message):
    with pytest.raises(DataError) as caught:
        choose_classes(NAMES, chosen, WHERE)
    assert str(caught.value).endswith(message)


def test_columns_are_compact():
    """100,000 images have some 700,000 boxes: lists of floats would take ten times the memory."""
    annotations = annotations_of([(0, 0, (0, 0, 1, 1), True)])
    for column in (annotations.boxes, annotations.image_index, annotations.class_ids):
        assert isinstance(column, array)
        assert column.itemsize == 8
