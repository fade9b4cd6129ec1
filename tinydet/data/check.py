"""What is in a data set, and what is wrong with it: images are decoded, all is counted."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydet.config.files import make_folder, write_text_atomically
from tinydet.data.box_statistics import MEDIUM_PX, SMALL_PX, box_sizes, class_counts, image_sizes
from tinydet.data.dataset import Dataset
from tinydet.data.findings import Findings, count_line
from tinydet.data.image_checks import ImageCheck, check_images, find_shared
from tinydet.data.image_files import CHECK_FILE
from tinydet.data.readers.parts import SPLITS
from tinydet.errors import readable

MAX_LISTED = 5  # unreadable files and duplicates shown on the terminal; the JSON holds all
MAX_CLASSES = 200  # likewise
ALL = f"({CHECK_FILE} of --output lists all)"
MAX_NAME, MAX_ENTRY = 60, 400  # characters shown of a class name, of a line with files


@dataclass(frozen=True)
class DataCheck:
    """What a check found.

    Attributes:
        report: See ``check_dataset``.
        digests: Image file to the hash of its pixels, of the images that were decoded.
        unreadable: Image file to why it cannot be read.
    """

    report: dict[str, Any]
    digests: dict[Path, str]
    unreadable: dict[Path, str]


def check_dataset(
    dataset: Dataset, output: Path | None = None, most_decoded: int | None = None
) -> dict[str, Any]:
    """Decode the images and count what the data set holds.

    Args:
        dataset: The data set; not changed.
        output: Folder for ``check.json`` and the pictures ``class_histogram.png``,
            ``box_sizes.png`` and ``samples.png``; None writes nothing.
        most_decoded: Of a larger set only so many images are decoded, evenly spread; of the
            others the header is read, which tells missing files, other formats, truncated files
            and the size, but not what is damaged within. None decodes all.

    Returns:
        JSON-ready report: ``format``, ``class_names``; ``has_train_part`` (or no parts at all);
        ``parts`` (images of each part that was read); counts ``images``, ``decoded``, ``boxes``
        (ignored included), ``ignored_boxes``, ``negatives`` (readable or not, without a box);
        ``classes`` (``name``, ``boxes``, ``ignored``, ``images`` with that class); ``unreadable``
        (``path``, ``fault``);
        ``findings`` (``kind``, ``meaning``, ``count``, ``examples``), of the reader and of the
        images; ``duplicate_images`` (groups of paths with the same pixels); ``image_sizes`` and
        ``box_sizes`` (quantiles, COCO size classes), None where nothing could be measured.

    Raises:
        OutputError: ``output`` cannot be written to.
    """
    return check_against(dataset, {}, {}, output, most_decoded).report


def check_against(
    dataset: Dataset,
    others: Mapping[str, Iterable[Path]],
    digests: Mapping[Path, str],
    output: Path | None = None,
    most_decoded: int | None = None,
) -> DataCheck:
    """As ``check_dataset``, with a look at other parts of the data: no image may be in two.

    Args:
        dataset: See ``check_dataset``.
        others: Name of another part to its images.
        digests: Hashes of their pixels, as far as they were decoded.
        output: See ``check_dataset``.
        most_decoded: See ``check_dataset``.
    """
    if output is not None:
        make_folder(output)
    paths = [sample.path for sample in dataset.samples]
    checks = check_images(paths, most_decoded)
    by_path = dict(zip(paths, checks, strict=True))
    own = {path: check.digest for path, check in by_path.items() if check.digest}
    findings = Findings()
    findings.include(dataset.findings)
    for path, check in by_path.items():
        if check.is_mended:
            findings.add("mended_images", path)
    _find_shared_parts(dataset, own, findings)
    find_shared(paths, others, {**digests, **own}, findings)
    report = _report(dataset, checks, findings)
    if output is not None:
        from tinydet.data.check_pictures import save_pictures

        save_pictures(dataset, [check.size for check in checks], output)
        text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        write_text_atomically(output / CHECK_FILE, text)
    unreadable = {path: check.fault for path, check in by_path.items() if check.size is None}
    return DataCheck(report, own, unreadable)


def _find_shared_parts(dataset: Dataset, digests: Mapping[Path, str], findings: Findings) -> None:
    """Images that two parts of the data set itself share."""
    parts = [part for part in SPLITS if part in dataset.parts]
    for index, part in enumerate(parts):
        earlier = {other: dataset.parts[other] for other in parts[:index]}
        find_shared(dataset.parts[part], earlier, digests, findings)


def _report(dataset: Dataset, checks: Sequence[ImageCheck], findings: Findings) -> dict[str, Any]:
    samples = dataset.samples
    files: dict[str, list[str]] = {}
    for sample, check in zip(samples, checks, strict=True):
        if check.digest:
            files.setdefault(check.digest, []).append(str(sample.path))
    return {
        "format": dataset.format,
        "class_names": list(dataset.class_names),
        "has_train_part": not dataset.splits or "train" in dataset.splits,
        "parts": {part: len(images) for part, images in dataset.parts.items() if part},
        "images": len(samples),
        "decoded": sum(bool(check.digest) for check in checks),
        "boxes": sum(len(sample.boxes) for sample in samples),
        "ignored_boxes": sum(int(sample.ignored.sum()) for sample in samples),
        "negatives": sum(not len(sample.boxes) for sample in samples),
        "classes": class_counts(dataset),
        "unreadable": [
            {"path": str(sample.path), "fault": check.fault}
            for sample, check in zip(samples, checks, strict=True)
            if check.size is None
        ],
        "findings": findings.to_records(),
        "duplicate_images": [paths for paths in files.values() if len(paths) > 1],
        "image_sizes": image_sizes([check.size for check in checks if check.size]),
        "box_sizes": box_sizes(dataset, [check.size for check in checks]),
    }


def format_check(report: dict[str, Any], data: Path | None = None) -> str:
    """The report as text for the terminal.

    Args:
        report: What ``check_dataset`` returned.
        data: The folder of the data set, or a file in it: what lies in it is named from there.

    Returns:
        Lines without a final line break.
    """
    folder = f"{readable(data if data.is_dir() else data.parent)}{os.sep}" if data else ""

    def short(places: str) -> str:
        """Files without the folder of the data set; of those that are the same, each."""
        return places.removeprefix(folder).replace(f" = {folder}", " = ")

    lines = [
        f"{report['format']}: {report['images']} images, {report['boxes']} boxes "
        f"({report['ignored_boxes']} ignored), {report['negatives']} images without a box"
    ]
    if report["parts"]:
        shares = ", ".join(f"{count} {part}" for part, count in report["parts"].items())
        lines.append(f"parts: {shares}")
    if not report["has_train_part"]:
        lines.append("WARNING: there is no train part, so there is nothing to train on")
    if not report["boxes"]:
        lines.append("WARNING: there are no boxes, so a detector cannot be trained on this data")
    names = [readable(c["name"], MAX_NAME) for c in report["classes"]]
    width = max(map(len, names), default=0)
    lines += [
        f"  {name:<{width}}  {c['boxes']:>7} boxes in {c['images']:>6} images"
        + (f" ({c['ignored']} ignored)" if c["ignored"] else "")
        for name, c in zip(names[:MAX_CLASSES], report["classes"], strict=False)
    ]
    if len(names) > MAX_CLASSES:
        lines.append(
            f"  and {len(names) - MAX_CLASSES} more classes ({CHECK_FILE} of --output lists all)"
        )
    sizes = report["box_sizes"]
    if sizes:
        lines.append(
            f"box sizes: {sizes['small']} small (below {SMALL_PX} px), {sizes['medium']} medium, "
            f"{sizes['large']} large (from {MEDIUM_PX} px); median "
            f"{sizes['relative_width']['0.5']:.3f} x {sizes['relative_height']['0.5']:.3f} "
            "of the image"
        )
    for finding in report["findings"]:
        lines.append(count_line(finding["count"], finding["meaning"]))
        more = ", ..." if finding["count"] > len(finding["examples"]) else ""
        lines.append(f"{'':9}{', '.join(map(short, finding['examples']))}{more}")
    lines += _listed(
        "unreadable images", [f"{short(u['path'])}: {u['fault']}" for u in report["unreadable"]]
    )
    lines += _listed(
        "groups of images with the same pixels",
        [short(" = ".join(group)) for group in report["duplicate_images"]],
    )
    if not (report["findings"] or report["unreadable"] or report["duplicate_images"]):
        lines.append("nothing was dropped, all files are readable, no image occurs twice")
    return "\n".join(lines)


def _listed(title: str, entries: Sequence[str]) -> list[str]:
    if not entries:
        return []
    lines = [count_line(len(entries), title)]
    lines += [f"{'':9}{readable(entry, MAX_ENTRY)}" for entry in entries[:MAX_LISTED]]
    if len(entries) > MAX_LISTED:
        lines.append(
            f"{'':9}and {len(entries) - MAX_LISTED} more ({CHECK_FILE} of --output lists all)"
        )
    return lines
