"""What a data set reader met and mended: counted, never silent."""

from dataclasses import dataclass, field
from typing import Any

MAX_EXAMPLES = 5  # files named for each kind: enough to look at, short enough to print

KINDS = {
    "clipped_boxes": "boxes partly outside the image, clipped",
    "outside_boxes": "boxes outside the image, dropped",
    "zero_area_boxes": "boxes without area, dropped",
    "duplicate_boxes": "boxes given twice for one image, kept once",
    "other_class_boxes": "boxes of classes that class_names leaves out, dropped",
    "unlabelled_images": "images without a label file, treated as images without objects",
    "excluded_images": "images without objects, left out because of dataset.exclude_unlabeled",
    "unused_image_folders": "image folders that were given though the images are next to the labels",
    "orphan_labels": "labels without an image, unused",
    "missing_images": "images that are listed but do not exist, left out",
    "missing_parts": "parts that data.yaml names but that do not exist, left out",
    "replaced_roots": "data.yaml whose path does not exist; its own folder is used instead",
    "polygons": "polygons, replaced by their bounding boxes",
    "unknown_sizes": "labels without an image size; the size of the image is used",
    "turned_labels": "labels made on unrotated pixels, rotated according to EXIF",
    "swapped_sizes": "labels with width and height swapped; the size of the image is used",
    "other_sizes": "labels made at another image size, boxes scaled",
    "absent_classes": "classes without a single box in this data",
}


@dataclass(frozen=True)
class Findings:
    """Counts of what was dropped or mended while reading a data set.

    Attributes:
        counts: Kind (a key of ``KINDS``) to how often, only kinds that occurred.
        examples: Kind to the first few places (files) where it was met.
    """

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, where: object, count: int = 1) -> None:
        """Count a finding.

        Args:
            kind: A key of ``KINDS``.
            where: File or name that shows it.
            count: How many.
        """
        if kind not in KINDS:
            raise ValueError(f"unknown kind of finding: {kind}")
        self.counts[kind] = self.counts.get(kind, 0) + count
        places = self.examples.setdefault(kind, [])
        if len(places) < MAX_EXAMPLES and str(where) not in places:
            places.append(str(where))

    def to_records(self) -> list[dict[str, Any]]:
        """JSON-ready: kind, meaning, count and examples, in the order of ``KINDS``."""
        return [
            {
                "kind": kind,
                "meaning": meaning,
                "count": self.counts[kind],
                "examples": self.examples[kind],
            }
            for kind, meaning in KINDS.items()
            if kind in self.counts
        ]
