"""The data check of a run: what the images hold, before hours are spent on them."""

import json
from pathlib import Path
from typing import Any

from tinydet.data.check import DataCheck, check_against
from tinydet.data.dataset import Dataset, without_images
from tinydet.data.findings import count_line
from tinydet.data.image_files import CHECK_FILE
from tinydet.errors import DataError, readable
from tinydet.pipeline.run_folder import Run

LISTED_UNREADABLE = 5
# Of a larger set only so many images are decoded before a run; it would wait for minutes else.
MOST_DECODED = 5_000


def check_part(run: Run, part: str, dataset: Dataset, *, strict: bool = False) -> Dataset:
    """Decode and count one part of the data, and leave out what cannot be read.

    Args:
        run: Gets ``data/<part>/check.json`` and the pictures. A check of the same images that is
            there already (of the other model, or before a resume) is not done again. What was
            checked before is compared: an image in two parts is told.
        part: ``train``, ``validation`` or ``test``, as the report calls them.
        dataset: The images.
        strict: An unreadable image ends the run before it began, as ``dataset.strict`` does.

    Returns:
        The data set without the images that cannot be read.

    Raises:
        DataError: There are unreadable images and it is strict, or there are no others.
        OutputError: The folder cannot be written.
    """
    folder = run.folder / "data" / part
    if _is_checked(folder / CHECK_FILE, dataset):
        return dataset
    # Without a test set the validation set takes its place: that is told, and no mistake.
    stands_in = part == "test" and run.checked.get("validation", {}).keys() == {
        sample.path for sample in dataset.samples
    }
    own = {part, "validation"} if stands_in else {part}
    others = {name: list(digests) for name, digests in run.checked.items() if name not in own}
    known = {path: digest for digests in run.checked.values() for path, digest in digests.items()}
    check = check_against(dataset, others, known, folder, MOST_DECODED)
    run.checked[part] = {s.path: check.digests.get(s.path, "") for s in dataset.samples}
    report = check.report
    if check.unreadable and (
        strict or run.config.dataset.strict or len(check.unreadable) == len(dataset)
    ):
        raise _unreadable(part, check)
    counts = (
        f"{report['images']} images, {report['boxes']} boxes, "
        f"{report['negatives']} without objects ({dataset.format})"
    )
    findings = ["\n  the images of the validation set"] if stands_in else []
    findings += ["\n" + count_line(f["count"], f["meaning"]) for f in report["findings"]]
    if check.unreadable:
        findings.append(f"\n  {_listed(check)}, left out; with dataset.strict they end the run")
    if report["decoded"] < report["images"] - len(check.unreadable):
        findings.append(
            f"\n  {report['decoded']} of the images were decoded; of the others only the header "
            "was read; 'tinydet data check' decodes all"
        )
    run.log.say(f"{part.capitalize()} set: {counts}{''.join(findings)}")
    return without_images(dataset, check.unreadable)


def _listed(check: DataCheck) -> str:
    entries = list(check.unreadable.items())
    listed = "; ".join(f"{readable(path)}: {fault}" for path, fault in entries[:LISTED_UNREADABLE])
    more = len(entries) - LISTED_UNREADABLE
    count = f"{len(entries)} unreadable image{'s' * (len(entries) > 1)}"
    return f"{count} ({listed}" + (f"; and {more} more)" if more > 0 else ")")


def _unreadable(part: str, check: DataCheck) -> DataError:
    remedy = "Replace them or remove them from the data set; 'tinydet data check' lists all."
    return DataError(f"{part} set", _listed(check), remedy)


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
