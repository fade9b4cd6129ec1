"""Our quick way through pycocotools gives what its plain use gives."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tinydet.boxes import Detections
from tinydet.evaluation.coco_figures import coco_figures
from tinydet.metrics import GroundTruth

NAMES = ("cat", "dog", "bird")


def random_case(seed, images=6):
    """Objects, noisy copies of them and stray boxes, on images of several sizes."""
    rng = np.random.default_rng(seed)

    def boxes(count):
        low = rng.random((count, 2)) * 0.7
        return np.concatenate([low, low + 0.02 + rng.random((count, 2)) * 0.28], axis=1)

    truth, found, sizes = [], [], []
    for _ in range(images):
        count = int(rng.integers(0, 6))
        objects, classes = boxes(count), rng.integers(0, 3, count)
        ignored = rng.random(count) < 0.25
        truth.append(GroundTruth(objects.astype(np.float32), classes, ignored))
        near = np.repeat(np.arange(count), 2)
        noisy = np.clip(objects[near] + rng.normal(0, 0.01, (len(near), 4)), 0, 1)
        stray = int(rng.integers(0, 110 - 2 * count))
        all_boxes = np.concatenate([noisy, boxes(stray)]).astype(np.float32)
        scores = rng.random(len(all_boxes)).astype(np.float32)
        found.append(
            Detections(
                all_boxes, scores, np.concatenate([classes[near], rng.integers(0, 3, stray)])
            )
        )
        sizes.append((int(rng.integers(50, 700)), int(rng.integers(50, 700))))
    return found, truth, sizes


def pycocotools_stats(found, truth, sizes):
    """The twelve figures as the library's own users take them."""
    gt, dt = COCO(), COCO()
    for coco in (gt, dt):
        coco.dataset = {
            "images": [{"id": i + 1} for i in range(len(sizes))],
            "categories": [{"id": i + 7, "name": name} for i, name in enumerate(NAMES)],
            "annotations": [],
        }
    for i, (h, w) in enumerate(sizes):
        unit = np.array([w, h, w, h])
        for coco, boxes, classes, extra in (
            (
                gt,
                truth[i].boxes,
                truth[i].class_ids,
                [{"iscrowd": int(g)} for g in truth[i].ignored],
            ),
            (
                dt,
                found[i].boxes,
                found[i].class_ids,
                [{"score": float(s)} for s in found[i].scores],
            ),
        ):
            for box, class_id, more in zip(
                boxes.astype(np.float64) * unit, classes, extra, strict=True
            ):
                x, y, width, height = box[0], box[1], box[2] - box[0], box[3] - box[1]
                coco.dataset["annotations"].append(
                    {
                        "id": len(coco.dataset["annotations"]) + 1,
                        "image_id": i + 1,
                        "category_id": int(class_id) + 7,
                        "bbox": [x, y, width, height],
                        "area": width * height,
                        **more,
                    }
                )
    with contextlib.redirect_stdout(io.StringIO()):
        gt.createIndex()
        dt.createIndex()
        evaluator = COCOeval(gt, dt, "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator.stats


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_figures_are_those_of_pycocotools(seed):
    case = random_case(seed)
    figures = coco_figures(*case, NAMES)
    stats = pycocotools_stats(*case)
    keys = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
    for key, expected in [*zip(keys, stats[:6], strict=True), ("ar_100", stats[8])]:
        actual = -1 if figures[key] is None else figures[key]
        assert actual == pytest.approx(expected, abs=1e-12), key


def test_mean_over_classes_is_the_ap():
    figures = coco_figures(*random_case(3), NAMES)
    assert list(figures["per_class"]) == list(NAMES)
    assert np.mean(list(figures["per_class"].values())) == pytest.approx(figures["ap"])


def test_perfect_detections_on_a_wide_image():
    """A box of 10 x 20 pixels is small, though it covers much of its image."""
    boxes = np.array([[0.0, 0.0, 0.1, 1.0]], np.float32)
    truth = [GroundTruth(boxes, np.array([1]), np.array([False]))]
    found = [Detections(boxes, np.array([0.5], np.float32), np.array([1]))]
    figures = coco_figures(found, truth, [(20, 100)], NAMES)
    assert (figures["ap"], figures["ap_small"]) == (pytest.approx(1), pytest.approx(1))
    assert figures["ap_large"] is None
    assert figures["per_class"]["cat"] is None
    assert figures["per_class"]["dog"] == pytest.approx(1)


def test_no_detection_and_no_object(capsys):
    nothing = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, int))
    empty = GroundTruth(nothing.boxes, nothing.class_ids, np.zeros(0, np.bool_))
    figures = coco_figures([nothing], [empty], [(10, 10)], NAMES)
    assert figures["ap"] is None
    assert capsys.readouterr().out == ""
