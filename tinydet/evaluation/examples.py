"""Example images with labels and detections, for the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from tinydet.data.dataset import Sample
from tinydet.evaluation.result import Fraction
from tinydet.evaluation.scoring import ScoredImages

NUM_EXAMPLES = 24
NEGATIVE_SHARE = 6  # one example of this many is an image without objects, where there are any
EXAMPLE_SCORE = 0.05

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class LabelledObject:
    """A labelled object of an example image."""

    box: Box
    class_name: str
    ignored: bool


@dataclass(frozen=True)
class FoundObject:
    """A found object of an example image."""

    class_id: Annotated[int, Field(ge=0)]
    class_name: str
    score: Fraction
    box: Box


@dataclass(frozen=True)
class Example:
    """One image of ``examples.json``.

    Attributes:
        image: Absolute path.
        size: ``(height, width)``, pixels.
        ground_truth: Its labels.
        detections: What was found, with a score of at least 0.05.
    """

    image: str
    size: tuple[int, int]
    ground_truth: list[LabelledObject]
    detections: list[FoundObject]


def examples(scored: ScoredImages) -> list[dict[str, Any]]:
    """Images with labels and detections for the report, JSON-ready.

    They are spread evenly over the images, without regard to what was found, so that every model
    shows the same ones and none its best.

    Returns:
        Up to 24 records, see ``Example``.
    """
    records = []
    for index in _example_indices(scored.samples):
        sample, found = scored.samples[index], scored.detections[index]
        truth = zip(sample.boxes.tolist(), sample.class_ids, sample.ignored, strict=True)
        records.append(
            {
                "image": str(sample.path.resolve()),
                "size": list(scored.image_sizes[index]),
                "ground_truth": [
                    {
                        "box": [round(v, 6) for v in box],
                        "class_name": scored.class_names[class_id],
                        "ignored": bool(ignored),
                    }
                    for box, class_id, ignored in truth
                ],
                "detections": found.above(EXAMPLE_SCORE).to_records(scored.class_names),
            }
        )
    return records


def _example_indices(samples: Sequence[Sample]) -> list[int]:
    with_objects = [i for i, sample in enumerate(samples) if len(sample.boxes)]
    without = [i for i, sample in enumerate(samples) if not len(sample.boxes)]
    negatives = min(len(without), NUM_EXAMPLES // NEGATIVE_SHARE)
    positives = min(len(with_objects), NUM_EXAMPLES - negatives)
    negatives = min(len(without), NUM_EXAMPLES - positives)
    return sorted(_spread(with_objects, positives) + _spread(without, negatives))


def _spread(items: list[int], count: int) -> list[int]:
    return [items[(2 * k + 1) * len(items) // (2 * count)] for k in range(count)]
