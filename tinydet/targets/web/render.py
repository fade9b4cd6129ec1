"""The page around the program: HTML, CSS and JavaScript in one text."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinydet.compiler import CompiledDetector
from tinydet.drawing import css_colours
from tinydet.pages import render

LISTED_CLASSES = 4  # with more, the headline gives their number
KIB = 1024


def render_page(
    detector: CompiledDetector,
    programs: tuple[str, str],
    *,
    lowest_score: float,
    weights_bytes: int,
) -> str:
    """The whole page.

    Args:
        detector: The detector as it was compiled by the user, with its own score threshold.
        programs: Texts of the WebAssembly module, and of the one with relaxed SIMD.
        lowest_score: Score threshold compiled into the module; the slider starts there.
        weights_bytes: Constants of the network.

    Returns:
        HTML that loads nothing.
    """
    spec = detector.spec
    card = {
        "class_names": list(spec.class_names),
        "colours": [css_colours(class_id) for class_id in range(spec.num_classes)],
        "score_threshold": spec.postprocess.score_threshold,
        "lowest_score": lowest_score,
    }
    context = {
        "title": f"Detector: {detector.name.replace('_', ' ')}",
        "finds": _finds(spec.class_names),
        "facts": model_facts(detector, weights_bytes, lowest_score),
        "card": card,
        "program": programs[0],
        "relaxed": programs[1],
    }
    return render("index.html.j2", context, folder="targets/web/page")


def model_facts(
    detector: CompiledDetector, weights_bytes: int, lowest_score: float
) -> list[tuple[str, str]]:
    """What the page tells of the model: ``(label, value)`` in reading order."""
    spec = detector.spec
    preprocess, postprocess = spec.preprocess, spec.postprocess
    facts = [
        ("File", Path(detector.where).name),
        ("Made from", detector.model.origin),
        ("Backbone", f"MobileNetV2, alpha {spec.alpha:g}" if spec.alpha else "not known"),
        (
            "Input",
            f"{preprocess.height} \N{MULTIPLICATION SIGN} {preprocess.width} pixels (height, "
            f"width), {preprocess.color_mode}; scaled: {preprocess.aspect_ratio}, "
            f"{preprocess.interpolation}",
        ),
        ("Operators", f"{len(detector.model.graph.ops)}, int8"),
        ("Anchors", str(len(detector.anchors))),
        ("Weights", f"{weights_bytes / KIB:.0f} KiB"),
        ("Working memory", f"{detector.arena_bytes / KIB:.0f} KiB"),
        ("Score threshold", f"{postprocess.score_threshold:g}"),
        ("NMS IoU threshold", f"{postprocess.nms_iou_threshold:g}"),
        ("Most objects", str(postprocess.max_detections)),
    ]
    if postprocess.box_voting_iou is not None:
        voting = f"IoU {postprocess.box_voting_iou:g}, scores from {lowest_score:g} on"
        facts.insert(-1, ("Box voting", voting))
    return facts + _training_facts(spec.provenance)


def _training_facts(provenance: dict[str, Any]) -> list[tuple[str, str]]:
    """What ``detector.json`` says of the training, where it does; no path of any machine."""
    data = provenance.get("data")
    data = data if isinstance(data, dict) else {}
    found = [
        ("Trained on", data.get("name")),
        ("Training images", data.get("training_images")),
        ("Epochs", provenance.get("epochs")),
    ]
    return [(label, str(value)) for label, value in found if isinstance(value, str | int)]


def _finds(class_names: Sequence[str]) -> str:
    """The classes in words.

    >>> _finds(["cat"]), _finds(["cat", "dog", "cow"]), _finds("abcde")
    ('cat', 'cat, dog and cow', '5 kinds of objects')
    """
    if len(class_names) > LISTED_CLASSES:
        return f"{len(class_names)} kinds of objects"
    *first, last = class_names
    return f"{', '.join(first)} and {last}" if first else last
