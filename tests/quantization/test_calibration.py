"""Calibration sees real images, as the network will."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydet.data.images import read_image
from tinydet.data.preprocess import preprocess, rescale
from tinydet.errors import DataError
from tinydet.quantization.calibration import CalibrationImages, select_calibration_images


@given(count=st.integers(1, 300), max_images=st.integers(1, 300))
def test_selection_is_even(count, max_images):
    """In order, without repeats, and no gap is longer than another by more than one."""
    paths = [Path(str(i)) for i in range(count)]
    indices = [int(path.name) for path in select_calibration_images(paths, max_images)]
    assert len(indices) == min(count, max_images)
    gaps = np.diff([*indices, count])
    assert indices[0] == 0
    assert gaps.min() >= 1
    assert gaps.max() - gaps.min() <= 1


def test_no_images_is_an_error():
    with pytest.raises(DataError, match=r"no images are given\. Set dataset\.quantization_path"):
        select_calibration_images([], 100)


def test_images_are_preprocessed_and_rescaled_when_asked_for(calibration_images, make_spec):
    spec = make_spec(1, scale=1 / 255, offset=0.0).preprocess
    images = CalibrationImages.read(calibration_images, spec)
    assert len(images) == len(calibration_images)
    for number, path in enumerate(calibration_images):
        pixels = preprocess(read_image(path), spec)
        np.testing.assert_array_equal(images.images_u8[number], pixels)
        np.testing.assert_array_equal(images[number][0], rescale(pixels, spec))
    several = images[2:5]
    assert [image.shape for image in several] == [(1, 64, 96, 3)] * 3
    np.testing.assert_array_equal(several[1], images[3])
    np.testing.assert_array_equal(images.first(4).images_u8, images.images_u8[:4])
    with pytest.raises(IndexError):
        images[len(images)]
