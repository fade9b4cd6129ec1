"""The input of a quantized file takes pixels as they are."""

import numpy as np
import pytest

from tinydet.config.detector_spec import PreprocessSpec
from tinydet.quantization.contract import input_matches_rescaling
from tinydet.tensor_code import TensorCode

UNIT = PreprocessSpec(scale=1 / 255, offset=0.0)
SYMMETRIC = PreprocessSpec(scale=1 / 127.5, offset=-1.0)


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point", "preprocess", "matches"),
    [
        ("uint8", 1 / 127.5, 127, SYMMETRIC, True),
        ("uint8", 1 / 127.5, 128, SYMMETRIC, True),
        ("int8", 1 / 127.5, -1, SYMMETRIC, True),
        ("int8", 1 / 127.5, 0, SYMMETRIC, True),
        ("uint8", 1 / 127.5, 126, SYMMETRIC, False),
        ("uint8", 1.01 / 127.5, 127, SYMMETRIC, False),
        ("uint8", 1 / 255, 0, UNIT, True),
        ("int8", 1 / 255, -128, UNIT, True),
        ("int8", 1 / 255, 0, UNIT, False),
        ("uint8", 1 / 127.5, 127, UNIT, False),
    ],
)
def test_input_matches_rescaling(dtype, scale, zero_point, preprocess, matches):
    code = TensorCode(np.dtype(dtype), float(np.float32(scale)), zero_point)
    assert input_matches_rescaling(code, preprocess) is matches
