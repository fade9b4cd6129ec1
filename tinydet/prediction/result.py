"""What a prediction returns."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinydet.boxes import Detections
from tinydet.prediction.outputs import RECORDS_FILE

LISTED_UNREADABLE = 5


@dataclass(frozen=True)
class Prediction:
    """What was found in one image or frame.

    Attributes:
        path: The image or video file, or ``camera:<index>``.
        frame_index: 0-based number of the frame, None for an image file.
        height: Height of the upright image, pixels.
        width: Width of the upright image, pixels.
        detections: The objects, highest score first.
    """

    path: Path
    frame_index: int | None
    height: int
    width: int
    detections: Detections

    def to_record(self, class_names: tuple[str, ...]) -> dict[str, Any]:
        """JSON-ready mapping; boxes are fractions of the image."""
        return {
            "file": str(self.path),
            "frame": self.frame_index,
            "width": self.width,
            "height": self.height,
            "detections": self.detections.to_records(class_names),
        }


@dataclass
class PredictionReport:
    """What a prediction did.

    Attributes:
        predictions: One per image or frame, in order; for a camera without ``max_frames`` it
            stays empty, as there is no end to it: they are in the output folder.
        num_images: Images or frames predicted on.
        num_detections: Objects found in them.
        unreadable: Files that could not be read (wholly), as ``"path: what is wrong"``.
        was_interrupted: Stopped by Ctrl-C; what was done until then is kept.
        output: Folder with the results, None where nothing was written.
    """

    predictions: list[Prediction] = field(default_factory=list)
    num_images: int = 0
    num_detections: int = 0
    unreadable: list[str] = field(default_factory=list)
    was_interrupted: bool = False
    output: Path | None = None

    def summary(self) -> str:
        """Some lines for people: counts, where the results are, what could not be read."""
        lines = [f"{self.num_detections} detections in {self.num_images} images"]
        if self.was_interrupted:
            lines[0] = f"stopped after {self.num_images} images: {self.num_detections} detections"
        if self.output is not None:
            lines[0] += f", in {self.output / RECORDS_FILE}"
        if self.unreadable:
            lines.append(f"{len(self.unreadable)} could not be read:")
            lines += [f"  {finding}" for finding in self.unreadable[:LISTED_UNREADABLE]]
            more = len(self.unreadable) - LISTED_UNREADABLE
            lines += [f"  and {more} more"] if more > 0 else []
        return "\n".join(lines)
