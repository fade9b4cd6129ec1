"""What a data set reader met and mended: counted, never silent."""

from dataclasses import dataclass, field
from typing import Any

from tinydet.errors import readable

MAX_EXAMPLES = 5  # files named for each kind: enough to look at, short enough to print

KINDS = {
    "shared_images": "images that also occur in another part (train, val, test): figures on "
    "them say nothing about new images",
    "clipped_boxes": "boxes partly outside the image, clipped",
    "outside_boxes": "boxes outside the image, dropped",
    "zero_area_boxes": "boxes without area, dropped",
    "duplicate_boxes": "boxes given twice for one image, kept once",
    "other_class_boxes": "boxes of classes that class_names leaves out, dropped",
    "unlabelled_images": "images without a label file, treated as images without objects",
    "excluded_images": "images without objects, left out because of dataset.exclude_unlabeled",
    "unused_image_folders": "image folders given for labels whose images are next to them",
    "unlisted_images": "images that no label file mentions, left out",
    "partless_images": "images outside the parts (train, val, test), left out",
    "partless_files": "label files that belong to no part (train, val, test), left out",
    "orphan_labels": "labels without an image, unused",
    "missing_images": "images that are listed but do not exist, left out",
    "embedded_images": "images that exist only inside their label file (imageData), left out; "
    "labelme_export_json writes them as files",
    "ambiguous_images": "listed images whose name matches several files, left out",
    "moved_images": "images listed under another path, found by the end of their path",
    "repeated_images": "images listed more than once; their boxes are combined",
    "shared_labels": "label files shared by two images that differ only in their suffix",
    "second_labels": "label files next to the image, unused because labels/ contains one for it",
    "mended_images": "JPEG files whose end is missing, read as far as possible",
    "undecodable_pictures": "pictures of a format that cannot be decoded here, left out; convert "
    "them to JPEG or PNG (for HEIC: pip install 'tinydet[heic]')",
    "own_pictures": "pictures that tinydet wrote, left out",
    "inner_archives": "archives inside the archive, not unpacked",
    "missing_parts": "parts that data.yaml names but that do not exist, left out",
    "moved_parts": "parts listed under another path in data.yaml, found by the end of their path",
    "replaced_roots": "data.yaml whose path does not exist; its own folder is used instead",
    "polygons": "polygons, replaced by their bounding boxes",
    "other_shapes": "points, lines and masks without a box, ignored",
    "unnamed_shapes": "shapes without a class, unused",
    "rotated_boxes": "rotated boxes, replaced by their bounding boxes",
    "keypoints": "labels with keypoints; the box is used, the keypoints are not",
    "other_files": "other files in the label folders, unused",
    "cancelled_labels": "labels that were cancelled, are second opinions or a model's predictions, "
    "ignored",
    "root_categories": "categories that only group others and have no boxes; not used as classes",
    "similar_classes": "class names that differ only in case or spaces; kept as different classes",
    "unknown_sizes": "labels without an image size; the size of the image is used",
    "turned_labels": "labels made on unrotated pixels, rotated according to EXIF",
    "swapped_sizes": "labels with width and height swapped; the size of the image is used",
    "other_sizes": "labels made at another image size, boxes scaled",
    "absent_classes": "classes without any box in this data",
}


def count_line(count: int, what: str) -> str:
    """A line for the terminal: the count in a column of its own, then what was counted."""
    return f"{count:>7}  {what}"


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
        if len(places) < MAX_EXAMPLES and (shown := readable(where)) not in places:
            places.append(shown)

    def drop(self, kind: str) -> None:
        """Forget a kind, which is to be counted anew."""
        self.counts.pop(kind, None)
        self.examples.pop(kind, None)

    def include(self, other: "Findings") -> None:
        """Add what was found elsewhere to these counts."""
        for kind, count in other.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
            places = self.examples.setdefault(kind, [])
            new = [place for place in other.examples.get(kind, ()) if place not in places]
            places.extend(new[: MAX_EXAMPLES - len(places)])

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
