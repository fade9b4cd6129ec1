"""Calibration sees real images, and both ends of the pixel range."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydet.data.images import read_image
from tinydet.data.preprocess import preprocess
from tinydet.errors import DataError
from tinydet.quantization.calibration import calibration_inputs, select_calibration_images


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


def test_inputs_are_preprocessed_images_with_both_ends(calibration_images, make_spec):
    spec = make_spec(1).preprocess
    inputs = list(calibration_inputs(calibration_images, spec))
    assert {array.shape for array in inputs} == {(1, 64, 96, 3)}
    assert (inputs[0].min(), inputs[0].max()) == (0, 255)
    first = preprocess(read_image(calibration_images[0]), spec)
    changed = np.argwhere((inputs[0][0] != first).any(axis=-1)).tolist()
    assert changed == [[0, 0], [63, 95]]
    for array, path in zip(inputs[1:], calibration_images[1:], strict=True):
        np.testing.assert_array_equal(array[0], preprocess(read_image(path), spec))
