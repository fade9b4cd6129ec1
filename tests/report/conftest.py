"""A small run folder as the stages leave it, made of generated numbers and pictures."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinydet.config.detector_spec import DetectorSpec, PreprocessSpec

# Names that would break out of HTML, of an attribute, of JSON and of a script.
CLASS_NAMES = ("cat & dog", "</script><script>alert(1)</script>", 'say "hi" <b>')
SCORES = (0.95, 0.85, 0.6, 0.3, 0.12)


def save_picture(path: Path, height: int, width: int, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    Image.fromarray(small).resize((width, height)).save(path)


def save_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def example_records(images: list[Path]) -> list[dict]:
    return [
        {
            "image": str(image),
            "size": [60, 100],
            "ground_truth": [
                {"box": [0.1, 0.2, 0.4, 0.9], "class_name": CLASS_NAMES[0], "ignored": False},
                {"box": [0.6, 0.1, 0.9, 0.3], "class_name": CLASS_NAMES[1], "ignored": True},
            ],
            "detections": [
                {
                    "class_id": i % 3,
                    "class_name": CLASS_NAMES[i % 3],
                    "score": score,
                    "box": [0.1, 0.2, 0.4, 0.9] if i == 0 else [0.5, 0.5, 0.8, 0.8],
                }
                for i, score in enumerate(SCORES)
            ],
        }
        for image in images
    ]


def result_record(kind: str, ap40: float) -> dict:
    """AP at 0.40 as given; the third class has no ground truth."""
    return {
        "model": {"path": "x", "name": f"model of {kind}", "kind": kind, "size_bytes": 7},
        "data": {"path": "a & b", "images": 37, "boxes": 91, "ignored_boxes": 2},
        "class_names": list(CLASS_NAMES),
        "settings": {"score_threshold": 0.001, "iou_thresholds": [0.5, 0.4], "engine": "litert"},
        "ap": {
            "0.40": {
                "mean": ap40,
                "per_class": dict(zip(CLASS_NAMES, (ap40 + 0.1, ap40 - 0.1, None), strict=True)),
            },
            "0.50": {"mean": ap40 - 0.05, "per_class": dict.fromkeys(CLASS_NAMES)},
        },
        "coco": {"ap": 0.21, "ap50": ap40 - 0.05, "ap75": 0.2, "ap_small": None},
        "f1_best": {
            CLASS_NAMES[0]: {"score": 0.37, "f1": 0.5, "precision": 0.6, "recall": 0.43},
            CLASS_NAMES[1]: {"score": 0.41, "f1": 0.5, "precision": 0.6, "recall": 0.43},
            CLASS_NAMES[2]: None,
        },
        "confusion": {
            "labels": [*CLASS_NAMES, "background"],
            "matrix": [[0] * 4] * 4,
            "score_threshold": 0.4,
            "iou_threshold": 0.4,
        },
        "images_per_second": 71.5,
        "seconds": 0.5,
        "versions": {"numpy": "9.8.7"},
    }


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A whole run: training, int8, both evaluations, predictions."""
    run = tmp_path / "run & <i>"
    images = [tmp_path / "pictures" / f"p&{i}.png" for i in range(2)]
    for i, image in enumerate(images):
        save_picture(image, 60, 100, seed=i)
    for stem, kind, ap40 in (("best_model", "float keras", 0.62), ("q8", "int8 tflite", 0.605)):
        folder = run / "evaluation" / stem
        save_json(folder / "result.json", result_record(kind, ap40))
        save_json(folder / "examples.json", example_records(images))
        for name in ("precision_recall.png", "confusion.png", "worst_images.png"):
            save_picture(folder / name, 48, 64)
    for split in ("train", "validation"):
        save_json(
            run / f"data/{split}/check.json",
            {
                "format": "voc",
                "images": 123,
                "boxes": 456,
                "classes": [{"name": CLASS_NAMES[0], "boxes": 17, "images": 9}],
            },
        )
        save_picture(run / f"data/{split}/samples.png", 48, 64)
    (run / "logs/metrics").mkdir(parents=True)
    (run / "logs/metrics/train_metrics.csv").write_text(
        "epoch,loss,val_loss,lr,val_ap,seconds\n1,3.5,3.9,0.001,,30\n2,2.5,2.9,0.002,0.25,27.5\n"
        "3,2.25,2.4,0.001,0.5,25.5\n"
    )
    spec = DetectorSpec(
        class_names=CLASS_NAMES,
        alpha=0.35,
        preprocess=PreprocessSpec(height=192, width=256),
        provenance={"seed": 5},
    )
    (run / "quantized_models").mkdir()
    spec.save(run / "quantized_models/detector.json")
    (run / "quantized_models/quantized_model.tflite").write_bytes(bytes(2_097_152))
    save_json(run / "quantized_models/quantization.json", {"granularity": "per_channel"})
    save_picture(run / "predictions/one.jpg", 30, 50)
    (run / "config.yaml").write_text("postprocessing:\n  IoU_eval_thresh: 0.4  # <&>\n")
    return run
