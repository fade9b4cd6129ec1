"""What a firmware prints: the same lines computed here, and reading them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinydet.boxes import Detections
from tinydet.targets.base import DETECTION, to_detections

MARK = "#td "  # begins a line for programs


@dataclass(frozen=True, eq=False)
class FirmwareReport:
    """What a firmware said about itself.

    Attributes:
        lines: What it said for people, without the outcome of the self-test.
        detections: In the last image; boxes are fractions of it.
        self_test_passed: None without a self-test.
        first_bad_operator: Index into ``GoldenVectors.outputs`` of the first output that is not as
            on the PC; None where all are.
        stack_bytes: Deepest stack of one inference; None without a self-test.
        cycles: Of one inference; None where the core counts none.
    """

    lines: tuple[str, ...]
    detections: Detections
    self_test_passed: bool | None = None
    first_bad_operator: int | None = None
    stack_bytes: int | None = None
    cycles: int | None = None


def detection_lines(
    detections: Detections, class_names: Sequence[str], height: int, width: int
) -> list[str]:
    """The lines for people, as a firmware prints them: float32, half a pixel rounds up.

    Args:
        detections: Boxes are fractions of the image.
        class_names: By class id.
        height: Of the image, pixels.
        width: Of the image, pixels.

    Returns:
        ``person 87.3 % (12, 30) - (98, 186)``: class, score, upper left and lower right corner
        (x, y) in pixels.
    """
    half = np.float32(0.5)
    size = np.array([width, height, width, height], np.float32)
    corners = (detections.boxes.astype(np.float32) * size + half).astype(np.int32)
    permille = (detections.scores.astype(np.float32) * np.float32(1000) + half).astype(np.int32)
    return [
        f"{class_names[class_id]} {score // 10}.{score % 10} % "
        f"({x_min}, {y_min}) - ({x_max}, {y_max})"
        for class_id, score, (x_min, y_min, x_max, y_max) in zip(
            detections.class_ids, permille.tolist(), corners.tolist(), strict=True
        )
    ]


def read_report(text: str) -> FirmwareReport:
    """What one run printed, taken apart.

    Raises:
        ValueError: The text is not that of a firmware that came to its end.
    """
    counts = re.findall(rf"^{MARK}detections (\d+)$", text, re.MULTILINE)
    if not counts:
        raise ValueError("the firmware printed no detections")
    num_detections = int(counts[-1])
    records = re.findall(rf"^{MARK}detection ([0-9a-f]+)$", text, re.MULTILINE)
    last = records[len(records) - num_detections :]
    found = to_detections(np.frombuffer(bytes.fromhex("".join(last)), DETECTION))
    outcome = re.search(rf"^{MARK}self-test (passed|failed) (\d+)$", text, re.MULTILINE)
    failed = outcome is not None and outcome[1] == "failed"
    for_programs_or_outcome = (MARK, "self-test ")
    return FirmwareReport(
        lines=tuple(
            line for line in text.splitlines() if not line.startswith(for_programs_or_outcome)
        ),
        detections=found,
        self_test_passed=None if outcome is None else not failed,
        first_bad_operator=int(outcome[2]) if outcome is not None and failed else None,
        stack_bytes=_number(text, r"stack (\d+) bytes"),
        cycles=_number(text, r"cycles (\d+)"),
    )


def _number(text: str, pattern: str) -> int | None:
    found = re.search(rf"^{MARK}{pattern}$", text, re.MULTILINE)
    return int(found[1]) if found else None
