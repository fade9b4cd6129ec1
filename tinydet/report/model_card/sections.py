"""The text of the card, section by section."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinydet.report import markdown
from tinydet.report.accuracy import Accuracy, Row
from tinydet.report.facts import count_text, find_number
from tinydet.report.model_card.facts import (
    FLOAT_MODEL,
    INT8_MODEL,
    MAX_NAMED,
    NETWORK,
    ModelFacts,
    last_part,
)
from tinydet.report.summary import percent, signed

DESCRIBED_FILES = (INT8_MODEL, FLOAT_MODEL, "detector.json", "quantization.json")
MAX_CLASS_ROWS = 20
MANNER = {
    "fit": "stretched",
    "crop": "scaled and cropped",
    "padding": "scaled, the rest filled with grey",
}
HASH_CHUNK_BYTES = 1 << 20


def all_sections(facts: ModelFacts) -> str:
    """Everything below the front matter."""
    return "\n".join(
        [
            _heading(facts),
            f"## Use\n\n{_use(facts)}",
            f"## Files\n\n{_files(facts)}",
            f"## Input and output\n\n{_input_output(facts)}",
            f"## Accuracy\n\n{_accuracy(facts)}",
            f"## How it was made\n\n{_making(facts)}",
            f"## Limits\n\n{_limits(facts)}",
        ]
    )


def _heading(facts: ModelFacts) -> str:
    kind = "quantized to int8" if facts.is_int8 else "in float"
    return (
        f"# {markdown.escape(facts.title)}\n\n{NETWORK}, {kind}, made with tinydet. "
        "All figures are from the files of the run that made it.\n"
    )


def _use(facts: ModelFacts) -> str:
    shell = f"tinydet predict {facts.model} photo.jpg"
    python = (
        "import tinydet; from pathlib import Path; from tinydet.data.images import read_image\n"
        f'detector = tinydet.load_detector(Path("{facts.model}"))\n'
        'found = tinydet.detect(detector, read_image(Path("photo.jpg")), '
        "detector.spec.postprocess)"
    )
    parts = [f"```sh\n{shell}\n```\n", f"```python\n{python}\n```\n"]
    if facts.is_int8:
        compile_line = f"tinydet compile {facts.model} --name eye --output eye"
        c = (
            "static uint8_t arena[EYE_ARENA_BYTES] __attribute__((aligned(64)));\n"
            "static td_detection found[EYE_MAX_DETECTIONS];\n"
            "int count = eye_detect(rgb, arena, found, EYE_MAX_DETECTIONS);"
        )
        parts += [f"In C, after `{compile_line}`:\n", f"```c\n{c}\n```\n"]
    return "\n".join(parts)


def _files(facts: ModelFacts) -> str:
    rows = [
        [markdown.code(name), count_text(path.stat().st_size), markdown.code(_sha256(path))]
        for name in DESCRIBED_FILES
        if (path := facts.folder / name).is_file()
    ]
    return markdown.table(["file", "bytes", "SHA-256"], rows, [False, True])


def _input_output(facts: ModelFacts) -> str:
    spec, post = facts.spec.preprocess, facts.spec.postprocess
    checked = _mapping(facts.quantization.get("verification"))
    options = _mapping(facts.quantization.get("options"))
    values = f"pixel values times {spec.scale:.8g} plus {spec.offset:g}"
    if facts.is_int8 and options.get("input_type") == "uint8":
        values = "pixel values 0..255, unchanged"
    names = ", ".join(map(markdown.escape, facts.spec.class_names))
    voted = post.box_voting_iou is not None
    voting = f"box voting IoU {post.box_voting_iou:g}, " if voted else ""
    return _listed(
        [
            f"Image: {spec.color_mode}, {MANNER[spec.aspect_ratio]} to {spec.width} x "
            f"{spec.height} pixels ({spec.interpolation}); {values}.",
            *_tensors("Input", checked.get("inputs")),
            *_tensors("Output", checked.get("outputs")),
            f"Classes, in order of their index: {names}.",
            f"Default thresholds: score {post.score_threshold:g}, NMS IoU "
            f"{post.nms_iou_threshold:g}, {voting}at most {post.max_detections} boxes.",
        ]
    )


def _accuracy(facts: ModelFacts) -> str:
    accuracy = facts.accuracy
    if accuracy is None:
        return "This run contains no evaluation.\n"
    result = accuracy.evaluations[0].result
    counted = [
        f"{count_text(number)} {what}"
        for number, what in ((result.data.images, "images"), (result.data.boxes, "objects"))
        if number is not None
    ]
    settings = result.settings
    data = markdown.escape(last_part(result.data.path)) or "one data set"
    on = f"On {' with '.join(counted) or 'images'} of {data}."
    how = ", ".join(
        f"{name} {settings[key]}"
        for key, name in (
            ("score_threshold", "score threshold"),
            ("nms_iou_threshold", "NMS IoU"),
            ("box_voting_iou", "box voting IoU"),
            ("max_detections", "boxes at most"),
        )
        if settings.get(key) is not None
    )
    text = f"{on} Percent; {how}.\n\n" if how else f"{on} Percent.\n\n"
    text += _accuracy_rows(accuracy, "", [*accuracy.by_iou, *accuracy.coco])
    if 1 < len(accuracy.by_class) <= MAX_CLASS_ROWS:
        head = f"AP at IoU {accuracy.headline_iou} of"
        text += "\n" + _accuracy_rows(accuracy, head, accuracy.by_class)
    return text


def _making(facts: ModelFacts) -> str:
    made = facts.spec.provenance
    data = _mapping(made.get("data"))
    options = _mapping(facts.quantization.get("options"))
    calibration = _mapping(facts.quantization.get("calibration"))
    lines = [
        _fact("Data set", markdown.escape(last_part(str(data.get("name") or "")))),
        _fact("Training images", _count(find_number(data, "training_images"))),
        _fact("Validation images during training", _count(find_number(data, "validation_images"))),
        _fact("Epochs", _count(find_number(made, "epochs"))),
        _fact("Recipe", markdown.escape(str(made.get("recipe") or ""))),
        _fact("Size of the network", markdown.escape(str(made.get("size") or ""))),
        _fact("Teacher", markdown.escape(last_part(str(made.get("teacher") or "")))),
        _fact("Seed", _count(find_number(made, "seed"))),
        _fact("Scales of the weights", markdown.escape(str(options.get("granularity") or ""))),
        _fact("Calibration images", _count(find_number(calibration, "images"))),
        _fact("Versions", _versions(_mapping(made.get("versions")))),
    ]
    return _listed([line for line in lines if line]) or "Not recorded.\n"


def _limits(facts: ModelFacts) -> str:
    spec = facts.spec
    limits = [
        f"It detects {markdown.escape(facts.classes)} and nothing else."
        if len(spec.class_names) <= MAX_NAMED
        else f"It detects its {len(spec.class_names)} classes and nothing else.",
        f"It scales every image to {spec.preprocess.width} x {spec.preprocess.height} pixels.",
    ]
    evaluation = facts.own_evaluation
    if evaluation is None:
        return _listed([*limits, "Its accuracy was not measured in this run."])
    data = evaluation.result.data
    images = "" if data.images is None else f"{count_text(data.images)} images of "
    limits.append(
        f"It was tested on {images}{markdown.escape(last_part(data.path)) or 'one data set'} only; "
        "its accuracy with other cameras, places and lighting is not known."
    )
    small = evaluation.result.coco_figure("ap_small")
    large = evaluation.result.coco_figure("ap_large")
    if small is not None and large is not None:
        limits.append(
            f"COCO AP of small objects (area below 32 x 32 pixels of the image) "
            f"{100 * small:.1f} %, of large ones (above 96 x 96) {100 * large:.1f} %."
        )
    accuracy = facts.accuracy
    difference = accuracy.headline.difference if accuracy else None
    if facts.is_int8 and accuracy and difference is not None:
        limits.append(
            f"Quantization changed AP at IoU {accuracy.headline_iou} by "
            f"{signed(difference)} points."
        )
    return _listed(limits)


def _accuracy_rows(accuracy: Accuracy, head: str, rows: Sequence[Row]) -> str:
    heads = [head, *(markdown.escape(e.label) for e in accuracy.evaluations)]
    cells = [[markdown.escape(row.name), *map(percent, row.values)] for row in rows]
    return markdown.table(heads, cells, [False, *[True] * len(accuracy.evaluations)])


def _tensors(what: str, tensors: Any) -> list[str]:
    """As ``"Output detections: float32 (1, 3845, 10)."``."""
    if not isinstance(tensors, list):
        return []
    return [
        f"{what} {markdown.code(str(t.get('name')))}: {t.get('type')} "
        f"({', '.join(map(str, t.get('shape') or ()))})."
        for t in tensors
        if isinstance(t, dict)
    ]


def _versions(versions: dict[str, Any]) -> str:
    return markdown.escape(", ".join(f"{name} {v}" for name, v in versions.items() if v))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(number: float | None) -> str:
    return "" if number is None else count_text(number)


def _fact(label: str, value: str) -> str:
    return f"{label}: {value}" if value else ""


def _listed(lines: list[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
