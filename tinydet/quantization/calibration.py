"""The images that show the range of every activation."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from tinydet.config.detector_spec import PreprocessSpec
from tinydet.data.images import read_image
from tinydet.data.preprocess import preprocess, rescale
from tinydet.errors import DataError


def select_calibration_images(paths: Sequence[Path], max_images: int) -> list[Path]:
    """At most ``max_images`` of the paths, evenly spaced over the list, in its order.

    Args:
        paths: Image files.
        max_images: Largest number returned, >= 1.

    Raises:
        DataError: There are no paths. Random data would give ranges of no meaning, so there is no
            other way to calibrate.

    >>> [path.name for path in select_calibration_images([Path(c) for c in "abcdefg"], 3)]
    ['a', 'c', 'e']
    """
    if not paths:
        raise DataError(
            "calibration",
            "no images are given",
            "Set dataset.quantization_path (or training_path) to a folder of images like those "
            "the detector will see.",
        )
    count = min(len(paths), max_images)
    return [Path(paths[i * len(paths) // count]) for i in range(count)]


class CalibrationImages(Sequence[npt.NDArray[np.float32]]):
    """Preprocessed images as the float network takes them; kept in memory as 8-bit pixels.

    Args:
        images_u8: ``[N, H, W, 3]``, preprocessed up to the rescaling.
        spec: The detector's preprocessing.
    """

    def __init__(self, images_u8: npt.NDArray[np.uint8], spec: PreprocessSpec) -> None:
        self.images_u8 = images_u8
        self._spec = spec

    @classmethod
    def read(cls, paths: Sequence[Path], spec: PreprocessSpec) -> "CalibrationImages":
        """Read image files, at least one.

        Raises:
            DataError: A file cannot be read as an image.
        """
        return cls(np.stack([preprocess(read_image(path), spec) for path in paths]), spec)

    def first(self, count: int) -> "CalibrationImages":
        """At most so many of them."""
        return CalibrationImages(self.images_u8[:count], self._spec)

    def __len__(self) -> int:
        return len(self.images_u8)

    @overload
    def __getitem__(self, index: int) -> npt.NDArray[np.float32]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[npt.NDArray[np.float32]]: ...

    def __getitem__(
        self, index: int | slice
    ) -> npt.NDArray[np.float32] | Sequence[npt.NDArray[np.float32]]:
        """Rescaled: ``[1, H, W, 3]``; or several, in a list."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return rescale(self.images_u8[index][None], self._spec)


def stratified(
    paths: Sequence[Path], class_ids: Sequence[Collection[int]], count: int
) -> list[Path]:
    """Choose images so that each class is in about equally many.

    Classes take turns, the rarest first; each takes its next image that is not yet chosen, evenly
    over its images. Images without an object count as a class of their own.

    Args:
        paths: Image files.
        class_ids: Classes of the objects in each of them.
        count: How many to choose; all where there are not more.

    Returns:
        The images in the order of ``paths``.

    >>> paths = [Path(name) for name in "abcdef"]
    >>> [p.name for p in stratified(paths, [[0], [0], [0], [0], [1], [0]], 3)]
    ['a', 'c', 'e']
    """
    of_class: dict[int, list[int]] = {}
    for index, ids in enumerate(class_ids):
        for class_id in set(ids) or {-1}:
            of_class.setdefault(class_id, []).append(index)
    turns = sorted(of_class.values(), key=len)
    waiting = [_spread(indices, -(-count // len(turns))) for indices in turns]
    chosen: set[int] = set()
    while len(chosen) < min(count, len(paths)):
        for queue in waiting:
            while queue and queue[0] in chosen:
                queue.pop(0)
            if queue and len(chosen) < count:
                chosen.add(queue.pop(0))
    return [paths[index] for index in sorted(chosen)]


def _spread(indices: list[int], first: int) -> list[int]:
    """The same indices, the first few evenly over all of them."""
    number = min(first, len(indices))
    leading = [indices[i * len(indices) // number] for i in range(number)]
    return leading + [index for index in indices if index not in set(leading)]
