"""Where the images of a training come from."""

import sys

from tinydet.data.decoded_images import DecodedImages, DiskCache, memory_for_images
from tinydet.training.options import TrainingOptions


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
