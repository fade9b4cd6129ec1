"""Random changes of training images that take the boxes along.

``make_augmentation`` builds them from the ``data_augmentation`` section of the configuration.
"""

from tinydet.data.augment.configuration import FUNCTION_ARGUMENTS as FUNCTION_ARGUMENTS
from tinydet.data.augment.configuration import make_augmentation as make_augmentation
from tinydet.data.augment.configuration import validate_augmentation as validate_augmentation
from tinydet.data.augment.pipeline import Augmentation as Augmentation
