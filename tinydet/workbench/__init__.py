"""``tinydet data view``: look through a data set in the browser and mend its labels."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinydet.boxes import Detections
from tinydet.data.dataset import Dataset
from tinydet.data.editing import open_editor
from tinydet.data.readers.tables import home_of
from tinydet.errors import DataError, UnsupportedError
from tinydet.inference import Detector, detect
from tinydet.result import Result, shown_path
from tinydet.workbench.images import Images
from tinydet.workbench.server import WorkbenchServer


@dataclass(frozen=True)
class ViewResult(Result):
    """What was done in a session of the workbench.

    Attributes:
        images: Images of the data set.
        changed: Images whose labels were changed.
        marked: Images that are marked.
        marks_file: The list of marked images; None where there are none.
        backups: Folder with the label files as they were before; None where none was changed.
    """

    images: int
    changed: int
    marked: int
    marks_file: Path | None
    backups: Path | None

    def __str__(self) -> str:
        lines = [f"{self.images} images, labels of {self.changed} changed, {self.marked} marked"]
        if self.backups:
            lines.append(f"Labels as they were before: {shown_path(self.backups)}")
        if self.marks_file:
            lines.append(f"Marked images: {shown_path(self.marks_file)}")
        return "\n".join(lines)


def view(
    path: Path,
    dataset: Dataset,
    detector: Detector | None = None,
    *,
    port: int = 0,
    on_ready: Callable[[str, str], None] = lambda *_: None,
) -> ViewResult:
    """Serve the workbench until its page or Ctrl-C closes it.

    Labels are written in the format of the data set as soon as they are changed; before the first
    change of a label file it is copied to ``label_backups``. Formats that are only read can be
    looked at. A model looks at all images beside this and tells where it disagrees.

    Args:
        path: Of the data set.
        dataset: What was read from there.
        detector: The model; None for the labels alone.
        port: TCP port on the loopback interface; 0 takes a free one.
        on_ready: Told the address of the page, and why labels are only read (or nothing).

    Raises:
        DataError: Model and data set have no class in common.
        UnsupportedError: The port is taken.
    """
    editor, note = None, ""
    try:
        editor = open_editor(path, dataset)
    except UnsupportedError as error:
        note = str(error)
    root = home_of(path)
    images = Images(dataset, root, editor)
    looking = None if detector is None else _Looking(images, detector)
    about: dict[str, Any] = {"data": str(path), "note": note}
    try:
        server = WorkbenchServer(
            images, port, lambda: {**about, **(looking.state() if looking else {"model": None})}
        )
    except (OSError, OverflowError) as error:
        found = f"{port} ({getattr(error, 'strerror', '') or 'no port has this number'})"
        raise UnsupportedError("port", found, "a free port", "Leave it out.") from None
    with server:
        on_ready(server.address, note)
        if looking:
            looking.start()
        try:
            with suppress(KeyboardInterrupt):
                server.serve_forever(poll_interval=0.2)
        finally:
            if looking:
                looking.stop()
    has_marks = bool(images.marked)
    return ViewResult(
        images=len(images),
        changed=images.num_changed,
        marked=len(images.marked),
        marks_file=images.marks_file if has_marks else None,
        backups=editor.backups.folder if editor and images.num_changed else None,
    )


class _Looking:
    """A model that goes through the images while they are shown."""

    def __init__(self, images: Images, detector: Detector) -> None:
        classes = {name: index for index, name in enumerate(images.dataset.class_names)}
        self._class_ids = np.array([classes.get(n, -1) for n in detector.spec.class_names])
        if (self._class_ids < 0).all():
            found = f"finds {', '.join(detector.spec.class_names)}"
            remedy = f"The data set has {', '.join(classes)}: they have no class in common."
            raise DataError(detector.name, found, remedy)
        self._images, self._detector = images, detector
        self._done, self._stopped = 0, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def state(self) -> dict[str, Any]:
        """For the page."""
        return {"model": self._detector.name, "seen": self._done}

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the image at hand."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        for index in range(len(self._images)):
            if self._stopped.is_set():
                return
            self._images.look(index, self._detect)
            self._done = index + 1

    def _detect(self, image: np.ndarray) -> Detections:
        found = detect(self._detector, image, self._detector.spec.postprocess)
        class_ids = self._class_ids[found.class_ids]
        keep = class_ids >= 0
        return Detections(found.boxes[keep], found.scores[keep], class_ids[keep])
