"""The data check of a run: what the images hold, before hours are spent on them."""

import json
from pathlib import Path
from typing import Any

from tinydet.data.check import CHECK_FILE, check_dataset
from tinydet.data.dataset import Dataset
from tinydet.errors import DataError
from tinydet.pipeline.run_folder import Run

LISTED_UNREADABLE = 5
# Of a larger set only so many images are decoded before a run; it would wait for minutes else.
MOST_DECODED = 5_000


def check_part(run: Run, part: str, dataset: Dataset) -> None:
    """Decode and count one part of the data; unreadable images end the run before it began.

    Args:
        run: Gets ``data/<part>/check.json`` and the pictures. A check of the same images that is
            there already (of the other model, or before a resume) is not done again.
        part: ``train``, ``validation`` or ``test``, as the report calls them.
        dataset: The images.

    Raises:
        DataError: There are unreadable images.
        OutputError: The folder cannot be written.
    """
    folder = run.folder / "data" / part
    if _is_checked(folder / CHECK_FILE, dataset):
        return
    report = check_dataset(dataset, folder, MOST_DECODED)
    unreadable = report["unreadable"]
    if unreadable:
        listed = "; ".join(f"{e['path']}: {e['fault']}" for e in unreadable[:LISTED_UNREADABLE])
        more = len(unreadable) - LISTED_UNREADABLE
        raise DataError(
            f"{part} set",
            f"{len(unreadable)} unreadable image{'s' * (len(unreadable) > 1)} ("
            + listed.replace(". Replace the file or remove it from the data set.", "")
            + (f"; and {more} more)" if more > 0 else ")"),
            "Replace them or remove them from the data set; 'tinydet data check' lists all.",
        )
    counts = (
        f"{report['images']} images, {report['boxes']} boxes, "
        f"{report['negatives']} without objects ({dataset.format})"
    )
    findings = [f"\n  {f['count']} {f['meaning']}" for f in report["findings"]]
    if report["decoded"] < report["images"]:
        findings.append(
            f"\n  {report['decoded']} of the images were decoded; of the others only the header "
            "was read; 'tinydet data check' decodes all"
        )
    run.log.say(f"{part.capitalize()} set: {counts}{''.join(findings)}")


def _is_checked(check_file: Path, dataset: Dataset) -> bool:
    """Whether a finished check is there that found these images, all of them readable."""
    try:
        report: dict[str, Any] = json.loads(check_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    boxes = sum(len(sample.boxes) for sample in dataset.samples)
    return (
        report.get("images") == len(dataset)
        and report.get("boxes") == boxes
        and report.get("class_names") == list(dataset.class_names)
        and report.get("unreadable") == []
    )
