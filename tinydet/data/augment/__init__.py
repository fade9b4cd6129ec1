"""Random changes of training images that take the boxes along.

``make_augmentation`` builds them from the ``data_augmentation`` section of the configuration.
"""

from tinydet.data.augment.configuration import (
    FUNCTION_ARGUMENTS,
    make_augmentation,
    validate_augmentation,
)
from tinydet.data.augment.pipeline import Augmentation

__all__ = [
    "FUNCTION_ARGUMENTS",
    "Augmentation",
    "make_augmentation",
    "validate_augmentation",
]
