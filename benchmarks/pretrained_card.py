"""The model cards and the table of the detectors that come with the package."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tinydet.config.detector_spec import DETECTOR_FILE
from tinydet.config.files import write_text_atomically
from tinydet.pretrained import FLOAT, FOLDER, INPUT_SIDES_PX, INT8
from tinydet.report import markdown

Table = Callable[[list[str], list[list[str]]], str]
CARD_FILE = "README.md"
NOT_LISTED = "not listed"
AP = {"AP@0.4": "ap@0.40", "AP@0.5": "ap@0.50", "AP@0.75": "ap@0.75", "COCO AP": "coco_ap"}
KINDS = {  # of figures, as they are called
    "float_as_trained": "float (not shipped)",
    "float": "float",
    "int8": "int8",
    "int8_per_tensor": "int8 per tensor (not shipped)",
}
SMALL_NETWORK = (
    ", `size: small`: a shorter backbone and narrower pyramid and heads, for 512 KB of flash"
)
TAGS = ("object-detection", "person-detection", "ssd", "mobilenetv2", "tflite", "int8")


def write_card(name: str, figures: dict[str, Any]) -> Path:
    """Write the model card of one detector beside its files.

    Args:
        name: Of the detector.
        figures: See ``benchmarks/pretrained.py``.
    """
    folder, side, own = FOLDER / name, INPUT_SIDES_PX[name], figures["models"][name]
    size, network = (", small", SMALL_NETWORK) if "small" in name else ("", "")
    sections = [
        f"# Person detector, {side} x {side}{size}\n\n"
        f"SSD MobileNetV2 FPN-lite, alpha 0.35{network}. Finds people in "
        "photos and camera images and gives a box and a score for each. Comes with tinydet under "
        f"the name `{name}`.\n",
        f"## Use\n\n{_use(name)}",
        f"## Files\n\n{_files(folder, name)}",
        f"## Accuracy\n\n{_accuracy(own)}",
        f"## Training images\n\n{_images(own['training_list'], own['sources'])}",
        f"## Limits\n\n{_limits(side, own['int8'])}",
        "## How it was trained\n\n"
        + "\n".join(
            _training(facts, figures["data"], configuration)
            for facts, configuration in zip(own["training"], own["configurations"], strict=True)
        ),
    ]
    front = yaml.safe_dump(_front_matter(name, own), sort_keys=False)
    path = folder / CARD_FILE
    write_text_atomically(path, f"---\n{front}---\n\n" + "\n".join(sections))
    return path


def pretrained_table(figures: dict[str, Any], table: Table) -> str:
    """Accuracy and size of the shipped files.

    Args:
        figures: See ``benchmarks/pretrained.py``.
        table: From heads and rows to Markdown.
    """
    rows = [
        [
            name,
            title,
            *(_percent(own[kind][key]) for key in AP.values()),
            _published(own) if kind == "int8" else "",
            f"{own[kind]['size_bytes'] / 1e6:.2f}",
        ]
        for name, own in figures["models"].items()
        for kind, title in _kinds(own)
    ]
    heads = ["detector", "file", *AP, "published int8 file, AP@0.4", "file, MB"]
    first = next(iter(figures["models"].values()))
    note = (
        f"\nThe files as shipped, on the {first['images']} validation images of "
        "`coco-person`; on how many images each was trained is in its model card. The published "
        "files were trained on all of COCO train; measured on the same images.\n"
    )
    return "## Pretrained detectors\n\n" + table(heads, rows) + note


def _kinds(own: dict[str, Any]) -> list[tuple[str, str]]:
    """The files that were measured, with their titles; of two float files the shipped one."""
    left_out = "float_as_trained" if "float" in own else ""
    return [(kind, title) for kind, title in KINDS.items() if kind in own and kind != left_out]


def _published(own: dict[str, Any]) -> str:
    ap = own["published_int8_ap@0.40"]
    return "not measured" if ap is None else _percent(ap)


def _use(name: str) -> str:
    return (
        "```sh\n"
        f"tinydet predict {name} photo.jpg            # boxes, with the int8 file\n"
        f"tinydet deploy {name} --board BOARD         # firmware or a program for a board\n"
        f"tinydet train DATA --pretrained {name}      # as a starting point for your own data\n"
        "```\n\n"
        f'In Python: `tinydet.predict("{name}", "photo.jpg")`, '
        f'`tinydet.load_detector("{name}")`.\n'
    )


def _files(folder: Path, name: str) -> str:
    rows = [
        [markdown.code(path.name), f"{path.stat().st_size:,}", markdown.code(_sha256(path)), what]
        for path, what in (
            (folder / f"{name}{INT8}", "int8: uint8 pixels in, scores, deltas and anchors out"),
            (folder / f"{name}{FLOAT}", "float: loads in any Keras 3; kernels stored in 16 bits"),
            (folder / DETECTOR_FILE, "class, preprocessing, anchors, thresholds, provenance"),
        )
        if path.is_file()
    ]
    return markdown.table(["file", "bytes", "SHA-256", ""], rows, [False, True])


def _accuracy(own: dict[str, Any]) -> str:
    rows = [
        [title, *(_percent(own[kind][key]) for key in AP.values())] for kind, title in _kinds(own)
    ]
    blanks = [""] * (len(AP) - 1)
    published = own["published_int8_ap@0.40"]
    if published is not None:
        rows.append(["published int8 file", _percent(published), *blanks])
    int8 = own["int8"]
    return (
        f"On {own['images']} images with {own['objects']:,} people that it was not trained on. "
        "Percent; all-point interpolation, NMS IoU 0.5, box voting from IoU 0.7, score threshold "
        "0.001.\n\n"
        + markdown.table(["", *AP], rows, [False, *[True] * len(AP)])
        + "\nThese images also come from COCO val2017 and were used to choose the recipe, not the "
        "epoch: the weights are those of the last one. None of the figures is an AP on COCO val. "
        "The published file, the model zoo's for the same network and input size, was trained on "
        "all of COCO train.\n\n"
        f"At its default score threshold, {int8['score_of_best_f1']:g} (the best F1 on these "
        f"images at IoU 0.4), the int8 file finds {_percent(int8['recall'])} % of the people, and "
        f"{_percent(int8['precision'])} % of its boxes are people.\n"
    )


def _images(file: str, sources: list[dict[str, Any]]) -> str:
    total = sum(sum(source["licences"].values()) for source in sources)
    text = f"{total:,} photos of these sources; the list with source and licence of each is "
    text += f"[{file}](../{file}).\n"
    for source in sources:
        licences = source["licences"]
        rows = [[markdown.escape(licence), f"{count:,}"] for licence, count in licences.items()]
        text += f"\n**{source['name']}**: {sum(licences.values()):,} {source['about']}\n\n"
        text += markdown.table(["licence", "images"], rows, [False, True])
    counts = [item for source in sources for item in source["licences"].items()]
    non_commercial = sum(count for licence, count in counts if "-NC" in licence)
    unknown = sum(count for licence, count in counts if licence == NOT_LISTED)
    return (
        text
        + f"\nAt least {non_commercial:,} of them allow non-commercial use only"
        + (f"; {unknown:,} have no licence listed" if unknown else "")
        + ".\n\n"
        "**To a commercial user**: the licences are those of the photos, not of this file, "
        "and no photo can be recovered from it. Whether a network trained on photos is bound by "
        "their licences is not settled and differs between countries; tinydet's licence cannot "
        "answer this. If you cannot take that risk, train on images that you may use: `configs/` "
        "has the recipe, and `pretrained_weights: imagenet` or `None` sets the initial weights "
        "(the backbone here began with ImageNet weights, whose photos pose the same question).\n"
    )


def _limits(side: int, int8: dict[str, Any]) -> str:
    return (
        "- It detects people and nothing else: no faces, no identity, no pose.\n"
        f"- It stretches every image to {side} x {side} pixels, and people far away are mostly "
        "missed: in photos of 448 pixels, COCO AP of people below 32 x 32 pixels is "
        f"{_percent(int8['coco_ap_small'])} %, of larger ones up to 96 x 96 "
        f"{_percent(int8['coco_ap_medium'])} %, of those above {_percent(int8['coco_ap_large'])} "
        "%.\n"
        "- COCO shows everyday scenes from eye level. The accuracy from above, through a fisheye "
        "lens, at night or in infrared, and for people whose appearance or clothing is rare in "
        "COCO, was not measured: test it on images of your own site before you rely on it.\n"
        "- Do not use it for decisions that affect anyone's safety.\n"
    )


def _training(facts: dict[str, Any], data: str, configuration: str) -> str:
    minutes = f", {facts['minutes']:.0f} minutes" if "minutes" in facts else ""
    return (
        f"{facts['images']:,} images of `{data}`, {facts['epochs']} epochs{minutes}, seed "
        f"{facts['seed']}, recipe `{facts['recipe']}`; versions in `{DETECTOR_FILE}`. The "
        f"configuration:\n\n```yaml\n{configuration}```\n"
    )


def _front_matter(name: str, own: dict[str, Any]) -> dict[str, Any]:
    """What model hubs read. No licence: see the section on the training images."""
    metrics = [
        {"type": "map", "name": f"AP at IoU {key.partition('@')[2]}", "value": round(value, 4)}
        for key, value in own["int8"].items()
        if key.startswith("ap@")
    ]
    result = {
        "task": {"type": "object-detection"},
        "dataset": {"type": "coco", "name": "part of COCO val2017"},
        "metrics": metrics,
    }
    return {
        "pipeline_tag": "object-detection",
        "library_name": "tinydet",
        "tags": list(TAGS),
        "model-index": [{"name": name, "results": [result]}],
    }


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
