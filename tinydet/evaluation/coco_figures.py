"""COCO's figures, computed by pycocotools, the tool the COCO data set is judged with."""

import contextlib
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tinydet.boxes import Detections, FloatArray, IntArray
from tinydet.metrics import GroundTruth

ALL, SMALL, MEDIUM, LARGE = range(4)  # area ranges: all, below 32**2, to 96**2, above (pixels)
AP50, AP75 = 0, 5  # places of IoU 0.50 and 0.75 in 0.50:0.05:0.95
MOST = -1  # last of the numbers of detections per image: 1, 10, 100

Records = list[dict[str, Any]]


def coco_figures(
    detections: Sequence[Detections],
    ground_truth: Sequence[GroundTruth],
    image_sizes: Sequence[tuple[int, int]],
    class_names: Sequence[str],
) -> dict[str, Any]:
    """AP and recall by COCO's rules, over all classes and per class.

    Ignored objects are given as crowds. Small, medium and large are told by the area of the box
    in pixels of the original image (COCO itself takes the area of the outline).

    Args:
        detections: One per image; at most 100 count.
        ground_truth: One per image, in the same order.
        image_sizes: ``(height, width)`` of each image, pixels.
        class_names: In index order.

    Returns:
        ``ap`` (IoU 0.50:0.95), ``ap50``, ``ap75``, ``ap_small``, ``ap_medium``, ``ap_large``,
        ``ar_100`` and ``per_class`` (class name to AP), fractions; None where nothing is labelled.

    Reference:
        https://cocodataset.org/#detection-eval
    """
    from pycocotools.coco import COCO

    images = [
        {"id": i, "height": height, "width": width} for i, (height, width) in enumerate(image_sizes)
    ]
    categories = [{"id": i, "name": name} for i, name in enumerate(class_names)]
    truth, found = COCO(), COCO()
    truth.dataset = {"images": images, "categories": categories}
    labelled = (
        (objects.boxes, objects.class_ids, [{"iscrowd": int(value)} for value in objects.ignored])
        for objects in ground_truth
    )
    truth.dataset["annotations"] = _records(labelled, image_sizes)
    found.dataset = {"images": images, "categories": categories}
    ranked = (
        (objects.boxes, objects.class_ids, [{"score": float(value)} for value in objects.scores])
        for objects in map(_by_score, detections)
    )
    found.dataset["annotations"] = _records(ranked, image_sizes)
    # The library reports each step on standard output, which belongs to our results.
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found.createIndex()
        evaluator = _evaluator(truth, found)
        evaluator.evaluate()
        evaluator.accumulate()
    precision = evaluator.eval["precision"]  # [IoU, recall, class, area range, detections]
    recall = evaluator.eval["recall"]  # [IoU, class, area range, detections]
    return {
        "ap": _mean(precision[:, :, :, ALL, MOST]),
        "ap50": _mean(precision[AP50, :, :, ALL, MOST]),
        "ap75": _mean(precision[AP75, :, :, ALL, MOST]),
        "ap_small": _mean(precision[:, :, :, SMALL, MOST]),
        "ap_medium": _mean(precision[:, :, :, MEDIUM, MOST]),
        "ap_large": _mean(precision[:, :, :, LARGE, MOST]),
        "ar_100": _mean(recall[:, :, ALL, MOST]),
        "per_class": {
            name: _mean(precision[:, :, index, ALL, MOST]) for index, name in enumerate(class_names)
        },
    }


def _evaluator(truth: Any, found: Any) -> Any:
    """The library's evaluator, spared what cannot change its result.

    Its matching is a Python loop over IoU thresholds, detections and objects. A detection whose
    IoU with every object is below the lowest threshold matches nothing and hinders no other, so
    only the rest (a tenth at a score threshold of 0.001) goes through the loop.
    """
    from pycocotools.cocoeval import COCOeval

    evaluator = COCOeval(truth, found, "bbox")
    match_image = evaluator.evaluateImg

    def match_near_detections(
        image_id: int, class_id: int, areas: tuple[float, float], most: int
    ) -> dict[str, Any] | None:
        key = image_id, class_id
        rows, iou = evaluator._dts[key], evaluator.ious[key]
        if not rows or not evaluator._gts[key]:
            result: dict[str, Any] | None = match_image(image_id, class_id, areas, most)
            return result
        near = np.flatnonzero(iou.max(axis=1) >= evaluator.params.iouThrs.min())
        evaluator._dts[key], evaluator.ious[key] = [rows[i] for i in near], iou[near]
        matched: dict[str, Any] = match_image(image_id, class_id, areas, most)
        evaluator._dts[key], evaluator.ious[key] = rows, iou
        rows = rows[:most]
        out_of_range = [row["area"] < areas[0] or row["area"] > areas[1] for row in rows]
        ignored = np.tile(np.array(out_of_range), (len(evaluator.params.iouThrs), 1))
        ignored[:, near] = matched["dtIgnore"]
        matches = np.zeros(ignored.shape)
        matches[:, near] = matched["dtMatches"]
        all_rows = {
            "dtIds": [row["id"] for row in rows],
            "dtScores": [row["score"] for row in rows],
            "dtMatches": matches,
            "dtIgnore": ignored,
        }
        return {**matched, **all_rows}

    evaluator.evaluateImg = match_near_detections
    return evaluator


def _records(
    objects: Iterable[tuple[FloatArray, IntArray, list[dict[str, Any]]]],
    image_sizes: Sequence[tuple[int, int]],
) -> Records:
    """COCO's form of boxes, class ids and what else is said of each, image by image."""
    rows = (
        (i, box, class_id, more)
        for i, ((boxes, class_ids, facts), size) in enumerate(
            zip(objects, image_sizes, strict=True)
        )
        for box, class_id, more in zip(_xywh_px(boxes, size), class_ids, facts, strict=True)
    )
    return [
        {
            "id": number,
            "image_id": image,
            "category_id": int(class_id),
            "bbox": box,
            "area": box[2] * box[3],
            **more,
        }
        for number, (image, box, class_id, more) in enumerate(rows, start=1)
    ]


def _by_score(found: Detections) -> Detections:
    """In falling order of scores, as the evaluator above needs them."""
    best = np.argsort(-found.scores, kind="stable")
    return Detections(found.boxes[best], found.scores[best], found.class_ids[best])


def _xywh_px(boxes: FloatArray, image_size: tuple[int, int]) -> Iterator[list[float]]:
    height, width = image_size
    corners = boxes.astype(np.float64) * (width, height, width, height)
    corners[:, 2:] -= corners[:, :2]
    yield from corners.tolist()


def _mean(values: Any) -> float | None:
    known = values[values > -1]  # -1: no object of this class and size
    return float(known.mean()) if known.size else None
