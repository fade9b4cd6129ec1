"""Training samples: read and augmented, each a function of (seed, epoch, place, image) alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray, IntArray
from tinydet.config.detector_spec import PreprocessSpec
from tinydet.data.augment import Augmentation
from tinydet.data.augment.mosaic import TILES, Picture
from tinydet.data.dataset import Sample
from tinydet.data.decoded_images import DecodedImages
from tinydet.data.preprocess import ImageArray

# A mosaic shows parts of four images, rarely more objects than two whole ones; it is left out
# where it would. More rows would cost time at every anchor of every step.
MOSAIC_ROWS = 2
Place = tuple[int, int, int]  # epoch, position in its order, index of the image


class Labels(NamedTuple):
    """What is to be seen in an augmented image.

    Attributes:
        boxes: ``[N, 4]``, fractions of the network input.
        class_ids: ``[N]``.
        ignored: ``[N]`` whether a box is neither an object to learn nor background.
    """

    boxes: FloatArray
    class_ids: IntArray
    ignored: npt.NDArray[np.bool_]


@dataclass(eq=False)
class AugmentedSamples:
    """Augmented images of a training set, one by one.

    Attributes:
        samples: The training set, at least one sample.
        augmentation: Random changes.
        preprocess: Network input.
        seed: Of the augmentation.
        images: Where decoded images come from.
        most_boxes: No image has more boxes, at least 1.
    """

    samples: tuple[Sample, ...]
    augmentation: Augmentation
    preprocess: PreprocessSpec
    seed: int
    images: DecodedImages

    def __post_init__(self) -> None:
        self.most_boxes = max(1, max(len(sample.boxes) for sample in self.samples))
        if self.augmentation.mosaic is not None:
            self.most_boxes *= MOSAIC_ROWS

    def make(self, places: Sequence[Place]) -> tuple[ImageArray, list[Labels]]:
        """Some samples.

        Returns:
            Network inputs ``[B, H, W, 3]`` uint8, and the labels of each.

        Raises:
            DataError: An image cannot be read.
        """
        images, labels = zip(*(self._sample(*place) for place in places), strict=True)
        return np.stack(images), list(labels)

    def _sample(self, epoch: int, position: int, index: int) -> tuple[ImageArray, Labels]:
        rng = np.random.default_rng([self.seed, epoch, position])
        mosaic = self.augmentation.mosaic
        if mosaic is not None and rng.random() < mosaic.change_rate:
            tiles = [index, *map(int, rng.integers(0, len(self.samples), TILES - 1))]
            images = [self.images.read(self.samples[tile].path) for tile in tiles]
            samples = [self.samples[tile] for tile in tiles]
            boxes = [sample.boxes for sample in samples]
            picture = mosaic.compose(images, boxes, rng, self.preprocess)
            image, labels = self._augmented(picture, samples, rng)
            if len(labels.boxes) <= self.most_boxes:
                return image, labels
        sample = self.samples[index]
        picture = Picture(self.images.read(sample.path), sample.boxes, np.ones(len(sample.boxes)))
        return self._augmented(picture, [sample], rng)

    def _augmented(
        self, picture: Picture, samples: Sequence[Sample], rng: np.random.Generator
    ) -> tuple[ImageArray, Labels]:
        """Network input and labels of a picture of these samples."""
        image, boxes, kept, truncated = self.augmentation.augment(
            picture.image, picture.boxes, rng, self.preprocess, picture.visible
        )
        class_ids = np.concatenate([sample.class_ids for sample in samples])[kept]
        ignored = np.concatenate([sample.ignored for sample in samples])[kept] | truncated
        return image, Labels(boxes, class_ids, ignored)
