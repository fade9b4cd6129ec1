"""Labels from a teacher: what a detector finds in unlabelled images, as a COCO file to train on.

A teacher is sure of some boxes and unsure of others. The sure ones are objects; the unsure ones
are written as crowds, which training and evaluation ignore: the network is then taught neither
that they are objects nor that they are background.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydet.config.files import make_folder, write_text_atomically
from tinydet.errors import UnsupportedError
from tinydet.inference import Detector
from tinydet.prediction import Prediction, predict
from tinydet.prediction.outputs import unreadable_lines
from tinydet.result import Result, shown_path

LABELS_FILE = Path("annotations") / "instances_default.json"  # where the COCO reader looks


@dataclass(frozen=True)
class TeacherLabels(Result):
    """What was labelled.

    Attributes:
        file: The COCO file; None where the labelling was interrupted, which writes none.
        images: Images in it.
        objects: Boxes the teacher is sure of.
        ignored: Boxes it is unsure of.
        without_objects: Images in which it is sure of nothing.
        unreadable: Images that could not be read and are not in the file, with the reason.
    """

    file: Path | None
    images: int
    objects: int
    ignored: int
    without_objects: int
    unreadable: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.images} images: {self.objects} objects, {self.ignored} unsure boxes that "
                f"are ignored, {self.without_objects} images without a sure object",
                "Interrupted: nothing was written."
                if self.file is None
                else f"Wrote {shown_path(self.file)}",
                *unreadable_lines(self.unreadable),
            ]
        )


def label_images(
    detector: Detector,
    folder: Path,
    output: Path | None = None,
    *,
    object_score: float,
    ignore_score: float,
) -> TeacherLabels:
    """Label the images of a folder with what a detector finds in them.

    The file has COCO's layout, its images named relative to the folder; each annotation carries
    the ``score`` of the teacher. Boxes with a score from ``ignore_score`` on and below
    ``object_score`` have ``iscrowd: 1``.

    Args:
        detector: The teacher, any detector that runs here.
        folder: With the images, also in folders below it.
        output: The COCO file; None writes ``annotations/instances_default.json`` in the folder,
            so that the folder is a data set.
        object_score: From this score on a box is an object.
        ignore_score: From this score on a box is ignored; below it the image is background there.

    Returns:
        Counts, and where the file is.

    Raises:
        DataError: The folder does not exist or contains no image that can be read.
        UnsupportedError: The scores are not 0 < ignore_score <= object_score <= 1, or the
            output file exists: labels are never overwritten.
        OutputError: The file cannot be written.
    """
    if not 0 < ignore_score <= object_score <= 1:
        raise UnsupportedError(
            "scores",
            f"object {object_score:g}, ignore {ignore_score:g}",
            "0 < ignore <= object <= 1",
            "Give the two scores in this order.",
        )
    target = folder / LABELS_FILE if output is None else output
    if target.exists():
        raise UnsupportedError(
            str(target), "an existing file", "a new one", "Move it away or name another output."
        )
    postprocess = detector.spec.postprocess.model_copy(update={"score_threshold": ignore_score})
    report = predict(detector, folder, postprocess=postprocess, draw=False)
    record = _coco(report.predictions, folder, detector, object_score)
    crowds = [a["iscrowd"] for a in record["annotations"]]
    sure = {a["image_id"] for a in record["annotations"] if not a["iscrowd"]}
    if not report.was_interrupted:
        make_folder(target.parent)
        write_text_atomically(target, json.dumps(record) + "\n")
    return TeacherLabels(
        file=None if report.was_interrupted else target,
        images=len(report.predictions),
        objects=crowds.count(0),
        ignored=crowds.count(1),
        without_objects=len(report.predictions) - len(sure),
        unreadable=tuple(report.unreadable),
    )


def _coco(
    predictions: Sequence[Prediction], folder: Path, detector: Detector, object_score: float
) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, prediction in enumerate(predictions, start=1):
        height, width = prediction.height, prediction.width
        name = prediction.path.relative_to(folder).as_posix()
        images.append({"id": image_id, "file_name": name, "height": height, "width": width})
        found = prediction.detections
        for box, score, class_id in zip(found.boxes, found.scores, found.class_ids, strict=True):
            x_min, y_min, x_max, y_max = map(float, box)
            sides = (x_max - x_min) * width, (y_max - y_min) * height
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": int(class_id) + 1,
                    "bbox": [round(v, 2) for v in (x_min * width, y_min * height, *sides)],
                    "area": round(sides[0] * sides[1], 2),
                    "iscrowd": int(score < object_score),
                    "score": round(float(score), 4),
                }
            )
    categories = [{"id": i, "name": n} for i, n in enumerate(detector.spec.class_names, start=1)]
    info = {"description": f"labelled by {detector.name}; iscrowd 1: unsure, to be ignored"}
    return {"info": info, "images": images, "categories": categories, "annotations": annotations}
