"""The images that the workbench shows: what is known of each, filters, marks, changes."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinydet.boxes import Detections
from tinydet.config.files import write_text_atomically
from tinydet.data.dataset import Dataset, Sample
from tinydet.data.editing import EditableBox, LabelEditor, version_of
from tinydet.data.images import read_image
from tinydet.data.input_files import read_lines
from tinydet.errors import DataError
from tinydet.metrics.matching import GroundTruth
from tinydet.workbench.disagreement import KINDS, Disagreement, disagreements

# No reader takes a file with such a name for labels.
MARKS_FILE = "_marked_images.txt"
# Side of an object, the square root of its share of the image.
SIZES = {"small": (0.0, 0.1), "medium": (0.1, 0.3), "large": (0.3, 1.1)}


@dataclass
class Shown:
    """What is known of one image.

    Attributes:
        name: Its path in the data set.
        part: Part of the data set; empty where it has none.
        truth: Its labels.
        found: Detections of the model; None as long as it has not looked.
        problems: Where the two disagree.
        revision: Counts the changes of its labels.
        error: Why its pixels cannot be read; empty where they can.
    """

    name: str
    part: str
    truth: GroundTruth
    found: Detections | None = None
    problems: Sequence[Disagreement] = ()
    revision: int = 0
    error: str = ""


class Images:
    """All images of a data set, as the page shows them. Safe to use from several threads.

    Args:
        dataset: The data set.
        root: Its folder.
        editor: Changes its labels; None where they are only read.
    """

    def __init__(self, dataset: Dataset, root: Path, editor: LabelEditor | None) -> None:
        self.dataset = dataset
        self.editor = editor
        self.marks_file = root / MARKS_FILE
        self.num_changed = 0
        self._lock = threading.RLock()
        self._class_id = {name: index for index, name in enumerate(dataset.class_names)}
        part_of = {path: part for part, paths in dataset.parts.items() for path in paths}
        self.shown = [
            Shown(_name(sample.path, root), part_of.get(sample.path, ""), _truth(sample))
            for sample in dataset.samples
        ]
        lines = read_lines(self.marks_file) if self.marks_file.exists() else []
        self.marked = {line.strip() for line in lines if line.strip()}

    def __len__(self) -> int:
        return len(self.shown)

    def path_of(self, index: int) -> Path:
        """The image file."""
        return self.dataset.samples[index].path

    def select(self, filters: Mapping[str, str]) -> list[int]:
        """Images that pass all filters.

        Args:
            filters: ``class`` (a name), ``size`` (a key of ``SIZES``), ``problem`` (of
                ``KINDS``, or ``any``), ``part``, ``text`` (in the name), ``state`` (``marked``,
                ``changed``, ``empty``, ``ignored``, ``unreadable``). Class and size are of one
                object.

        Raises:
            DataError: There is no such filter or value.
        """
        tests = [_FILTERS[key](self, value) for key, value in filters.items() if key in _FILTERS]
        if unknown := [key for key in filters if key not in (*_FILTERS, "class", "size")]:
            raise DataError("filter", f"there is no {unknown[0]!r}", "Load the page again.")
        if {"class", "size"} & filters.keys():
            tests.append(_has_object(self._class_id, filters))
        return [i for i, shown in enumerate(self.shown) if all(test(shown) for test in tests)]

    def record(self, index: int) -> dict[str, Any]:
        """All that is known of an image, JSON-ready."""
        shown = self.shown[index]
        boxes = self._boxes(index)
        names = self.dataset.class_names
        return {
            "name": shown.name,
            "part": shown.part,
            "version": version_of(boxes),
            "marked": shown.name in self.marked,
            "error": shown.error,
            "boxes": [
                {
                    "key": box.key,
                    "class": box.class_name,
                    "box": list(box.box),
                    "ignored": box.ignored,
                    "shape": box.shape,
                }
                for box in boxes
            ],
            "found": shown.found.to_records(names) if shown.found is not None else [],
            "problems": [_problem(problem, names) for problem in shown.problems],
        }

    def _boxes(self, index: int) -> list[EditableBox]:
        if self.editor is not None:
            return self.editor.read(self.path_of(index))
        truth, names = self.shown[index].truth, self.dataset.class_names
        columns = zip(truth.boxes.tolist(), truth.class_ids, truth.ignored, strict=True)
        return [EditableBox(None, names[c], tuple(box), bool(i)) for box, c, i in columns]

    def replace(self, index: int, boxes: Sequence[EditableBox], version: str) -> None:
        """Change the labels of an image; see ``LabelEditor.replace``.

        Raises:
            DataError: Labels of this data set are only read, or a box is not valid.
        """
        path = self.path_of(index)
        if self.editor is None:
            raise DataError(path, "labels of this data set are only read", "Convert it first.")
        with self._lock:
            self.editor.replace(path, boxes, version)
            boxes = [b for b in self.editor.read(path) if b.class_name in self._class_id]
            shown = self.shown[index]
            self.num_changed += not shown.revision
            shown.revision += 1
            shown.truth = GroundTruth(
                np.array([box.box for box in boxes], np.float32).reshape(-1, 4),
                np.array([self._class_id[box.class_name] for box in boxes], np.int64),
                np.array([box.ignored for box in boxes], np.bool_),
            )
            self._compare(shown)

    def mark(self, index: int, is_marked: bool) -> None:
        """Put an image on the list of marked ones, or take it off; the list is a file.

        Raises:
            OutputError: The file cannot be written.
        """
        with self._lock:
            name = self.shown[index].name
            (self.marked.add if is_marked else self.marked.discard)(name)
            write_text_atomically(self.marks_file, "".join(f"{n}\n" for n in sorted(self.marked)))

    def look(self, index: int, detect: Callable[[np.ndarray], Detections]) -> None:
        """Let a model look at an image; one that cannot be read is noted.

        Args:
            index: Which image.
            detect: From ``[h, w, 3]`` uint8 RGB to detections, in classes of the data set.
        """
        shown = self.shown[index]
        try:
            found = detect(read_image(self.path_of(index)))
        except DataError as error:
            shown.error = error.found
            return
        with self._lock:
            shown.found = found
            self._compare(shown)

    def _compare(self, shown: Shown) -> None:
        if shown.found is not None:
            shown.problems = disagreements(shown.truth, shown.found)


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if root in path.parents else path.as_posix()


def _truth(sample: Sample) -> GroundTruth:
    return GroundTruth(sample.boxes, sample.class_ids, sample.ignored)


def _problem(problem: Disagreement, names: Sequence[str]) -> dict[str, Any]:
    other = problem.other_class_id
    return {
        "kind": problem.kind,
        "text": KINDS[problem.kind],
        "class": names[problem.class_id],
        "other": None if other is None else names[other],
        "score": problem.score,
        "box": problem.box.tolist(),
    }


Test = Callable[[Shown], bool]


def _has_object(class_id: Mapping[str, int], filters: Mapping[str, str]) -> Test:
    wanted = class_id.get(filters["class"], -1) if "class" in filters else None
    low, high = SIZES.get(filters.get("size", ""), (0.0, np.inf))

    def test(shown: Shown) -> bool:
        boxes = shown.truth.boxes
        sides = np.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
        is_class = True if wanted is None else shown.truth.class_ids == wanted
        return bool((is_class & (sides >= low) & (sides < high)).any())

    return test


def _state(images: Images, value: str) -> Test:
    states: dict[str, Test] = {
        "marked": lambda shown: shown.name in images.marked,
        "changed": lambda shown: shown.revision > 0,
        "empty": lambda shown: len(shown.truth) == 0,
        "ignored": lambda shown: bool(shown.truth.ignored.any()),
        "unreadable": lambda shown: bool(shown.error),
    }
    if value not in states:
        raise DataError("filter", f"there is no state {value!r}", "Load the page again.")
    return states[value]


_FILTERS: dict[str, Callable[[Images, str], Test]] = {
    "problem": lambda _, value: lambda shown: any(value in ("any", p.kind) for p in shown.problems),
    "part": lambda _, value: lambda shown: shown.part == value,
    "text": lambda _, value: lambda shown: value.casefold() in shown.name.casefold(),
    "state": _state,
}
