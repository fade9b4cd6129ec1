"""Training batches: decoded, augmented and padded ahead of the training step.

Everything random in a sample comes from (seed, epoch, sample), so that a resumed run sees exactly
the batches that an unbroken one would have seen, whatever the number of threads or processes.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray, IntArray
from tinydet.config.detector_spec import PreprocessSpec
from tinydet.data.augment import Augmentation
from tinydet.data.augmented_samples import AugmentedSamples
from tinydet.data.dataset import Sample
from tinydet.data.decoded_images import DecodedImages, DiskCache, memory_for_images
from tinydet.data.preprocess import rescale
from tinydet.data.sample_processes import SampleProcesses
from tinydet.look_ahead import in_order
from tinydet.notes import tell
from tinydet.training.matcher import IGNORED, OBJECT, PADDING
from tinydet.training.options import TrainingOptions

Batch = tuple[FloatArray, FloatArray]
AHEAD = 4  # batches in the making, beyond one per thread
MOST_THREADS = 3  # more workers are processes: threads would wait for Python's lock


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
        num_workers: Threads, or, from 4 on and where no images are kept, processes.
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
        images = images or DecodedImages()
        self._samples = AugmentedSamples(samples, augmentation, preprocess, seed, images)
        self.preprocess = preprocess
        self.batch_size = batch_size
        self.seed = seed
        self.num_workers = num_workers
        self.failure: Exception | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._count = len(samples)
        self.steps_per_epoch = max(1, len(samples) // batch_size)
        self._order: tuple[int, IntArray] = -1, np.zeros(0, np.int64)
        self._uses_processes = num_workers > MOST_THREADS and not images.is_kept
        self._processes: SampleProcesses | None = None
        self._share = range(batch_size)[share or slice(None)]

    def order(self, epoch: int) -> IntArray:
        """Sample indices of one epoch, ``[steps_per_epoch * batch_size]``."""
        if self._order[0] != epoch:  # a large set takes longer to shuffle than a batch to augment
            shuffled = np.random.default_rng([self.seed, epoch]).permutation(self._count)
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
        images, labels = (self._processes or self._samples).make(
            [(epoch, start + i, int(order[start + i])) for i in self._share]
        )
        rows = [ground_truth_rows(*each, self._samples.most_boxes) for each in labels]
        return rescale(images, self.preprocess), np.stack(rows)

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
            if self._uses_processes:
                self._processes = SampleProcesses(self._samples, self.num_workers)
            try:
                yield from in_order(
                    pool, lambda place: self.batch(*place), wanted, self.num_workers + AHEAD
                )
            except Exception as error:
                self.failure = error
                raise
            finally:
                self._stop_processes()

    def stop(self) -> None:
        """End the threads and processes of ``epochs``, wherever its consumer has left it."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._stop_processes()

    def _stop_processes(self) -> None:
        processes, self._processes = self._processes, None
        if processes is not None:
            processes.stop()


def decoded_images(options: TrainingOptions) -> DecodedImages:
    """The images of a training, kept in memory and on disk as its options say.

    Raises:
        OutputError: The folder of the cache cannot be written to.
    """
    disk = None
    if options.cache_dir is not None:
        disk = DiskCache(options.cache_dir, options.cache_dir_limit_bytes, tell)
    memory_bytes = memory_for_images() if options.cache_images else 0
    return DecodedImages(memory_bytes, disk, options.largest_image_side)
