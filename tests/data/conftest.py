"""Generated data sets, written by code that shares nothing with the readers."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

CLASS_NAMES = ("cat", "dog", "owl")


@dataclass
class Labelled:
    """An image to write: name without suffix, (height, width), pixel boxes.

    Boxes are ``(class_id, x_min, y_min, x_max, y_max, ignored)`` in whole pixels.
    """

    name: str
    size: tuple[int, int]
    boxes: list[tuple[int, int, int, int, int, bool]] = field(default_factory=list)


CROWDED = Labelled("e", (10, 20), [(0, 2, 1, 6, 9, False), (1, 0, 0, 20, 10, True)])


def write_picture(path: Path, size, seed=0, **options):
    """A noise image of (height, width) pixels; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def yolo_text(labelled):
    height, width = labelled.size
    return "".join(
        f"{c} {(x0 + x1) / 2 / width!r} {(y0 + y1) / 2 / height!r} "
        f"{(x1 - x0) / width!r} {(y1 - y0) / height!r}\n"
        for c, x0, y0, x1, y1, _ in labelled.boxes
    )


def voc_text(labelled, size=None):
    height, width = size or labelled.size
    objects = "".join(
        f"<object><name>{CLASS_NAMES[c]}</name><truncated>1</truncated>"
        f"<difficult>{int(ignored)}</difficult><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>"
        f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        for c, x0, y0, x1, y1, ignored in labelled.boxes
    )
    return (
        f"<annotation><size><width>{width}</width><height>{height}</height></size>"
        f"{objects}</annotation>"
    )


def coco_content(images, suffix=".png"):
    """COCO mapping; category ids have gaps and are not in class order."""
    category_ids = {0: 7, 1: 12, 2: 90}
    return {
        "images": [
            {"id": 100 + i, "file_name": m.name + suffix, "height": m.size[0], "width": m.size[1]}
            for i, m in enumerate(images)
        ],
        "categories": [{"id": category_ids[i], "name": n} for i, n in enumerate(CLASS_NAMES)][::-1],
        "annotations": [
            {
                "id": 1000 * i + k,
                "image_id": 100 + i,
                "category_id": category_ids[c],
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "iscrowd": int(ignored),
            }
            for i, m in enumerate(images)
            for k, (c, x0, y0, x1, y1, ignored) in enumerate(m.boxes)
        ],
    }


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_yolo(root, part, images, suffix=".png"):
    for labelled in images:
        write_picture(root / "images" / part / (labelled.name + suffix), labelled.size)
        write(root / "labels" / part / (labelled.name + ".txt"), yolo_text(labelled))


def write_flat(root, images):
    for labelled in images:
        write_picture(root / (labelled.name + ".png"), labelled.size)
        write(root / (labelled.name + ".txt"), yolo_text(labelled))


def write_voc(root, images, label_folder="Annotations", image_folder="JPEGImages"):
    for labelled in images:
        write_picture(root / image_folder / (labelled.name + ".png"), labelled.size)
        write(root / label_folder / (labelled.name + ".xml"), voc_text(labelled))


def counts(dataset):
    return {k: v for k, v in dataset.findings.counts.items() if k != "absent_classes"}


@pytest.fixture
def labelled_images():
    """Three images, not square, of different sizes, one without an object."""
    return [
        Labelled("a", (30, 50), [(1, 5, 3, 40, 27, False), (0, 10, 12, 20, 18, False)]),
        Labelled("b", (64, 40), []),
        Labelled("c d", (20, 20), [(2, 0, 0, 20, 10, False)]),
    ]


def assert_equals(dataset, images, *, ignored=False):
    """The data set holds exactly these images and boxes, in this order."""
    assert [sample.path.stem for sample in dataset.samples] == [m.name for m in images]
    for sample, labelled in zip(dataset.samples, images, strict=True):
        assert sample.path.is_file()
        height, width = labelled.size
        expected = [
            (x0 / width, y0 / height, x1 / width, y1 / height)
            for _, x0, y0, x1, y1, _ in labelled.boxes
        ]
        np.testing.assert_allclose(sample.boxes, np.reshape(expected, (-1, 4)), atol=1e-6)
        names = [dataset.class_names[i] for i in sample.class_ids]
        assert names == [CLASS_NAMES[box[0]] for box in labelled.boxes]
        assert sample.boxes.dtype == np.float32
        assert sample.class_ids.dtype == np.int64
        assert sample.ignored.tolist() == [ignored and box[5] for box in labelled.boxes]


@pytest.fixture(scope="session")
def writers():
    """The functions above; test modules cannot import this file."""
    return SimpleNamespace(
        crowded=CROWDED,
        Labelled=Labelled,
        text=write,
        picture=write_picture,
        yolo_text=yolo_text,
        voc_text=voc_text,
        coco_content=coco_content,
        yolo=write_yolo,
        flat=write_flat,
        voc=write_voc,
        assert_equals=assert_equals,
        counts=counts,
    )
