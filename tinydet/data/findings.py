"""What a data set reader met and mended: counted, never silent."""

from dataclasses import dataclass, field
from typing import Any

from tinydet.errors import readable

MAX_EXAMPLES = 5  # files named for each kind: enough to look at, short enough to print

KINDS = {
    "shared_images": "images that another part (train, val, test) has too: figures on them say "
    "nothing of new images",
    "clipped_boxes": "boxes partly out of the frame, clipped to it",
    "outside_boxes": "boxes out of the frame, dropped",
    "zero_area_boxes": "boxes without area, dropped",
    "duplicate_boxes": "boxes given twice for one image, kept once",
    "other_class_boxes": "boxes of classes that class_names leaves out, dropped",
    "unlabelled_images": "images without a label file, taken as images without objects",
    "excluded_images": "images without objects, left out as dataset.exclude_unlabeled says",
    "unused_image_folders": "folders of images named for labels that have their images beside",
    "unlisted_images": "images that no label file speaks of, left out",
    "partless_images": "images outside of the parts (train, val, test), left out",
    "partless_files": "label files of no part (train, val, test), left out",
    "orphan_labels": "labels without an image, unused",
    "missing_images": "images that are listed but do not exist, left out",
    "ambiguous_images": "listed images of which several files have the name, left out",
    "moved_images": "images of another place in the label files, found by the end of their path",
    "repeated_images": "images listed more than once, their boxes joined",
    "shared_labels": "label files that two images of the same name but another suffix share",
    "second_labels": "label files beside the image, unused, since labels/ has one of that image",
    "mended_images": "JPEG files without their end, read as far as they go",
    "undecodable_pictures": "pictures of a kind that cannot be decoded here, left out; convert "
    "them to JPEG or PNG (for HEIC: pip install 'tinydet[heic]')",
    "own_pictures": "pictures that tinydet wrote, left out",
    "inner_archives": "archives inside of the archive, not unpacked",
    "missing_parts": "parts that data.yaml names but that do not exist, left out",
    "moved_parts": "parts of another place in data.yaml, found by the end of their path",
    "replaced_roots": "data.yaml whose path does not exist; its own folder is taken instead",
    "polygons": "polygons, read as the box around them",
    "other_shapes": "points, lines and masks without a box, not used",
    "rotated_boxes": "rotated boxes, read as the upright box around them",
    "keypoints": "labels with keypoints; the box is used, the keypoints are not",
    "other_files": "other files in the folders of labels, unused",
    "cancelled_labels": "labels that the annotator cancelled, or second opinions, not used",
    "root_categories": "categories that only group others and have no box, no classes",
    "similar_classes": "class names that differ in upper case or blanks only; they stay apart",
    "unknown_sizes": "labels without an image size; the size of the image is taken",
    "turned_labels": "labels made on the unrotated pixels, turned by the EXIF rotation",
    "swapped_sizes": "labels with width and height swapped; the size of the image is taken",
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
