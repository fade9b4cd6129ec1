"""Training batches: decoded, augmented and padded by threads ahead of the training step.

Everything random in a sample comes from (seed, epoch, sample), so that a resumed run sees exactly
the batches that an unbroken one would have seen, whatever the number of threads.
"""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray, IntArray
from tinydet.config.detector_spec import PreprocessSpec
from tinydet.data.augment import Augmentation
from tinydet.data.augment.mosaic import TILES, Picture
from tinydet.data.dataset import Sample
from tinydet.data.decoded_images import DecodedImages, DiskCache, memory_for_images
from tinydet.data.preprocess import ImageArray, rescale
from tinydet.look_ahead import in_order
from tinydet.training.matcher import IGNORED, OBJECT, PADDING
from tinydet.training.options import TrainingOptions

Batch = tuple[FloatArray, FloatArray]
AHEAD = 4  # batches in the making, beyond one per thread
# A mosaic shows parts of four images, rarely more objects than two whole ones; it is left out
# where it would. More rows would cost time at every anchor of every step.
MOSAIC_ROWS = 2


def ground_truth_rows(
    boxes: FloatArray, class_ids: IntArray, ignored: npt.NDArray[np.bool_], rows: int
) -> FloatArray:
    """Labels of one image as the loss takes them.

    Args:
        boxes: ``[N, 4]``, ``N <= rows``.
        class_ids: ``[N]``, 0-based.
        ignored: ``[N]``.
        rows: Rows of the result.

    Returns:
        ``[rows, 6]``, see ``tinydet.training.matcher.match``.
    """
    padded = np.full((rows, 6), PADDING, np.float32)
    count = len(boxes)
    padded[:count, :4] = boxes
    padded[:count, 4] = class_ids
    padded[:count, 5] = np.where(ignored, IGNORED, OBJECT)
    return padded


class TrainingBatches:
    """Shuffled, augmented batches of a training set.

    Args:
        samples: The training set, at least one sample.
        augmentation: Random changes.
        preprocess: Network input.
        batch_size: Samples per batch. Samples that fill no batch wait for another epoch's order;
            a set smaller than one batch is repeated.
        seed: Of order and augmentation.
        num_workers: Threads.
        images: Where decoded images come from; None decodes each of them every time.
        share: Which samples of each batch this process prepares; None for all.

    Attributes:
        steps_per_epoch: Batches per epoch.
        failure: What ended ``epochs`` early, for a caller that only sees what a framework made
            of it.
    """

    def __init__(  # noqa: PLR0913 - what a batch depends on, and how it is made
        self,
        samples: tuple[Sample, ...],
        augmentation: Augmentation,
        preprocess: PreprocessSpec,
        *,
        batch_size: int,
        seed: int,
        num_workers: int = 2,
        images: DecodedImages | None = None,
        share: slice | None = None,
    ) -> None:
        self.samples = samples
        self.augmentation = augmentation
        self.preprocess = preprocess
        self.batch_size = batch_size
        self.seed = seed
        self.num_workers = num_workers
        self.failure: Exception | None = None
        self._pool: ThreadPoolExecutor | None = None
        self.steps_per_epoch = max(1, len(samples) // batch_size)
        self._rows = max(1, max(len(sample.boxes) for sample in samples))
        if augmentation.mosaic is not None:
            self._rows *= MOSAIC_ROWS
        self._order: tuple[int, IntArray] = -1, np.zeros(0, np.int64)
        self._images = images or DecodedImages()
        self._share = range(batch_size)[share or slice(None)]

    def order(self, epoch: int) -> IntArray:
        """Sample indices of one epoch, ``[steps_per_epoch * batch_size]``."""
        if self._order[0] != epoch:  # a large set takes longer to shuffle than a batch to augment
            shuffled = np.random.default_rng([self.seed, epoch]).permutation(len(self.samples))
            count = self.steps_per_epoch * self.batch_size
            self._order = epoch, np.resize(shuffled, count)
        return self._order[1]

    def batch(self, epoch: int, step: int) -> Batch:
        """This process' share of one batch.

        Returns:
            Images ``[B, H, W, 3]`` rescaled, ground truth ``[B, M, 6]``.
        """
        start = step * self.batch_size
        order = self.order(epoch)
        images, rows = zip(
            *(self._sample(epoch, start + i, int(order[start + i])) for i in self._share),
            strict=True,
        )
        return rescale(np.stack(images), self.preprocess), np.stack(rows)

    def _sample(self, epoch: int, position: int, index: int) -> tuple[ImageArray, FloatArray]:
        rng = np.random.default_rng([self.seed, epoch, position])
        mosaic = self.augmentation.mosaic
        if mosaic is not None and rng.random() < mosaic.change_rate:
            tiles = [index, *map(int, rng.integers(0, len(self.samples), TILES - 1))]
            images = [self._images.read(self.samples[tile].path) for tile in tiles]
            samples = [self.samples[tile] for tile in tiles]
            boxes = [sample.boxes for sample in samples]
            picture = mosaic.compose(images, boxes, rng, self.preprocess)
            image, rows = self._augmented(picture, samples, rng)
            if len(rows) == self._rows:
                return image, rows
        sample = self.samples[index]
        picture = Picture(self._images.read(sample.path), sample.boxes, np.ones(len(sample.boxes)))
        return self._augmented(picture, [sample], rng)

    def _augmented(
        self, picture: Picture, samples: Sequence[Sample], rng: np.random.Generator
    ) -> tuple[ImageArray, FloatArray]:
        """Network input and labels of a picture of these samples; more rows if they do not do."""
        image, boxes, kept, truncated = self.augmentation.augment(
            picture.image, picture.boxes, rng, self.preprocess, picture.visible
        )
        class_ids = np.concatenate([sample.class_ids for sample in samples])[kept]
        ignored = np.concatenate([sample.ignored for sample in samples])[kept] | truncated
        rows = max(self._rows, len(boxes))
        return image, ground_truth_rows(boxes, class_ids, ignored, rows)

    def epochs(self, first_epoch: int, last_epoch: int) -> Iterator[Batch]:
        """All batches of the epochs ``first_epoch`` to ``last_epoch - 1``, in order.

        Raises:
            DataError: An image cannot be read.
        """
        wanted = (
            (epoch, step)
            for epoch in range(first_epoch, last_epoch)
            for step in range(self.steps_per_epoch)
        )
        with ThreadPoolExecutor(self.num_workers, thread_name_prefix="batches") as pool:
            self._pool = pool
            try:
                yield from in_order(
                    pool, lambda place: self.batch(*place), wanted, self.num_workers + AHEAD
                )
            except Exception as error:
                self.failure = error
                raise

    def stop(self) -> None:
        """End the threads of ``epochs``, wherever its consumer has left it."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def decoded_images(options: TrainingOptions) -> DecodedImages:
    """The images of a training, kept in memory and on disk as its options say.

    Raises:
        OutputError: The folder of the cache cannot be written to.
    """
    disk = None
    if options.cache_dir is not None:
        disk = DiskCache(options.cache_dir, options.cache_dir_limit_bytes, _say)
    memory_bytes = memory_for_images() if options.cache_images else 0
    return DecodedImages(memory_bytes, disk, options.largest_image_side)


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - from a thread, in the middle of the training
