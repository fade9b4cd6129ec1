"""What a prediction returns, and its files: drawn images, a drawn video, JSON lines."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tinydet.boxes import Detections
from tinydet.config.files import atomic_path
from tinydet.errors import OutputError
from tinydet.result import Result

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


@dataclass(frozen=True)
class PredictResult(Result):
    """What was found.

    Attributes:
        predictions: One per image or frame, in order; for a camera without ``max_frames`` it
            stays empty, as there is no end to it: they are in the output folder.
        class_names: Class names of the detector.
        num_images: Number of images or frames processed.
        num_detections: Number of objects found in them.
        unreadable: Files that could not be read, or not completely, as ``"path: what is wrong"``.
        was_interrupted: Whether Ctrl-C stopped it; the results until then are kept.
        output: Folder with the results; None if nothing was written.
    """

    predictions: tuple[Prediction, ...]
    class_names: tuple[str, ...]
    num_images: int
    num_detections: int
    unreadable: tuple[str, ...]
    was_interrupted: bool
    output: Path | None

    def summary(self) -> str:
        """Some lines for people: counts, where the results are, what could not be read."""
        return str(self)

    def __str__(self) -> str:
        first = f"{self.num_detections} detections in {self.num_images} images"
        if self.was_interrupted:
            first = f"stopped after {self.num_images} images: {self.num_detections} detections"
        if self.output is not None:
            first += f", in {self.output / RECORDS_FILE}"
        return "\n".join([first, *unreadable_lines(self.unreadable)])

    def to_dict(self) -> dict[str, Any]:
        """Records of ``predictions.jsonl``, and the counts."""
        return {
            "predictions": [each.to_record(self.class_names) for each in self.predictions],
            "num_images": self.num_images,
            "num_detections": self.num_detections,
            "unreadable": list(self.unreadable),
            "was_interrupted": self.was_interrupted,
            "output": None if self.output is None else str(self.output),
        }


def unreadable_lines(unreadable: Sequence[str]) -> list[str]:
    """How many files could not be read, the first of them, and how many more there are."""
    if not unreadable:
        return []
    more = len(unreadable) - LISTED_UNREADABLE
    return [
        f"{len(unreadable)} could not be read:",
        *(f"  {finding}" for finding in unreadable[:LISTED_UNREADABLE]),
        *([f"  and {more} more"] if more > 0 else []),
    ]


Image = npt.NDArray[np.uint8]

RECORDS_FILE = "predictions.jsonl"
Record = dict[str, Any]


def drawn_names(paths: Sequence[PurePath], root: PurePath) -> list[PurePath]:
    """A name of its own for the drawn picture of each image, ``.jpg``, in the same sub-folder.

    Images that differ only in their suffix keep it (``a.png.jpg``); what is still equal, on file
    systems that do not tell upper from lower case too, is numbered.

    Args:
        paths: The images, all below ``root``.
        root: Folder the names are relative to.

    Returns:
        Relative names, in the order of ``paths``, all different.

    >>> paths = [PurePath("in/a/x.png"), PurePath("in/b/x.png"), PurePath("in/b/x.bmp")]
    >>> [name.as_posix() for name in drawn_names(paths, PurePath("in"))]
    ['a/x.jpg', 'b/x.png.jpg', 'b/x.bmp.jpg']
    """
    relative = [path.relative_to(root) for path in paths]
    short = [name.with_suffix(".jpg") for name in relative]
    uses = Counter(str(name).lower() for name in short)
    names: list[PurePath] = []
    taken: set[str] = set()
    for original, name in zip(relative, short, strict=True):
        base = name if uses[str(name).lower()] == 1 else original.with_name(f"{original.name}.jpg")
        chosen, number = base, 2
        while str(chosen).lower() in taken:
            chosen, number = base.with_name(f"{base.stem}_{number}.jpg"), number + 1
        taken.add(str(chosen).lower())
        names.append(chosen)
    return names


@contextmanager
def open_records(folder: Path | None) -> Iterator[Callable[[Record], None]]:
    """A function that writes one JSON line to ``predictions.jsonl`` as soon as it is called.

    The file gets its name when the block ends, also when it ends by Ctrl-C: then it holds what
    was done until then. After any other error there is no such file.

    Args:
        folder: Where; None writes nothing.
    """
    if folder is None:
        yield lambda _: None
        return
    with (
        _kept_when_stopped(folder / RECORDS_FILE) as path,
        path.open("w", encoding="utf-8", errors="backslashreplace") as file,
    ):

        def write(record: Record) -> None:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            file.flush()

        yield write


@contextmanager
def open_video(path: Path | None, fps: float, is_live: bool) -> Iterator[Callable[[Image], None]]:
    """A function that appends an RGB frame to an ``.mp4``, which is finished like the records.

    Args:
        path: The video file; None writes nothing.
        fps: Frames per second.
        is_live: The frames come at the pace of the processing: each is repeated as often as needed
            for the video to play at the pace of life.

    Raises:
        OutputError: The video cannot be written.
    """
    if path is None:
        yield lambda _: None
        return
    writer: cv2.VideoWriter | None = None
    start, written, shape = 0.0, 0, (0, 0, 0)
    with ExitStack() as stack:

        def write(frame: Image) -> None:
            nonlocal writer, start, written, shape
            if writer is None:  # the first frame tells the size
                writer = _open_writer(stack.enter_context(_kept_when_stopped(path)), fps, frame)
                stack.callback(writer.release)
                start, shape = time.monotonic(), frame.shape
            if frame.shape != shape:  # a camera that changes its mode
                frame = cv2.resize(frame, (shape[1], shape[0])).astype(np.uint8, copy=False)
            due = int((time.monotonic() - start) * fps) + 1 - written if is_live else 1
            for _ in range(max(1, due)):
                writer.write(np.ascontiguousarray(frame[..., ::-1]))
                written += 1

        yield write


def _open_writer(path: Path, fps: float, frame: Image) -> cv2.VideoWriter:
    codec = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), codec, fps, (frame.shape[1], frame.shape[0]))
    if not writer.isOpened():
        remedy = "Predict without drawing, or install a build of OpenCV with video support."
        raise OutputError(path, "cannot be written as a video", remedy)
    return writer


@contextmanager
def _kept_when_stopped(path: Path) -> Iterator[Path]:
    """``atomic_path``, but a stop on purpose (Ctrl-C, a closed generator) keeps what is there."""
    stop: BaseException | None = None
    with atomic_path(path) as temporary:
        try:
            yield temporary
        except (KeyboardInterrupt, GeneratorExit) as reason:
            stop = reason
    if stop is not None:
        raise stop
