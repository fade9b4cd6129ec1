"""A pixel goes into the network as the code nearest to its real value."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinydet.config.detector_spec import PreprocessSpec
from tinydet.tensor_code import TensorCode, pixel_codes

DTYPES = {np.uint8: (0, 255), np.int8: (-128, 127)}


@given(
    dtype=st.sampled_from(list(DTYPES)),
    scale=st.floats(1e-3, 0.1),
    zero_point_share=st.floats(0, 1),
    rescale=st.floats(1e-3, 0.1),
    offset=st.floats(-2, 2),
)
def test_no_code_is_nearer(dtype, scale, zero_point_share, rescale, offset):
    low, high = DTYPES[dtype]
    code = TensorCode(np.dtype(dtype), scale, round(low + zero_point_share * (high - low)))
    chosen = pixel_codes(code, PreprocessSpec(scale=rescale, offset=offset))
    all_reals = [(c - code.zero_point) * scale for c in range(low, high + 1)]
    for pixel in (0, 1, 77, 128, 254, 255):
        real = rescale * pixel + offset
        nearest = min(abs(r - real) for r in all_reals)
        taken = abs((int(chosen[pixel]) - code.zero_point) * scale - real)
        assert taken <= nearest + 3e-3 * scale


@given(
    dtype=st.sampled_from(list(DTYPES)),
    stretch=st.floats(-0.02, 0.02),
    shift=st.floats(-0.02, 0.02),
)
def test_no_code_is_nearer_where_pixels_nearly_fit(dtype, stretch, shift):
    """By up to five codes; what is off by more than half a code does not go in as it is."""
    low, high = DTYPES[dtype]
    scale, zero_point = 1 / 127.5, low + 127
    spec = PreprocessSpec(scale=(1 + stretch) * scale, offset=shift - 127 * scale)
    chosen = pixel_codes(TensorCode(np.dtype(dtype), scale, zero_point), spec)
    pixels = np.arange(256)
    wanted = (spec.scale * pixels + spec.offset) / scale + zero_point
    assert np.abs(chosen - np.clip(wanted, low, high)).max() <= 0.5 + 2e-3


def test_half_way_pixels_go_in_as_they_are():
    """The usual rescaling puts every pixel half a step between two codes, whatever zero point."""
    spec = PreprocessSpec(scale=1 / 127.5, offset=-1)
    for zero_point in (127, 128):
        code = TensorCode(np.dtype(np.uint8), float(np.float32(2 / 255)), zero_point)
        assert pixel_codes(code, spec).tolist() == list(range(256))
    for zero_point in (-1, 0):
        code = TensorCode(np.dtype(np.int8), float(np.float32(2 / 255)), zero_point)
        assert pixel_codes(code, spec).tolist() == list(range(-128, 128))


def test_codes_are_rounded_not_truncated():
    code = TensorCode(np.dtype(np.uint8), 0.1, 0)
    codes = pixel_codes(code, PreprocessSpec(scale=0.07, offset=0.0))
    assert codes[:6].tolist() == [0, 1, 1, 2, 3, 4]  # 0, 0.7, 1.4, 2.1, 2.8, 3.5 - to even


def test_float_input_takes_the_real_numbers():
    codes = pixel_codes(TensorCode(np.dtype(np.float32)), PreprocessSpec(scale=0.5, offset=-3))
    assert codes.dtype == np.float32
    assert codes[[0, 1, 255]].tolist() == [-3.0, -2.5, 124.5]


def test_uint8_input_without_scale_takes_pixels():
    codes = pixel_codes(TensorCode(np.dtype(np.uint8)), PreprocessSpec(scale=9, offset=5))
    assert codes.tolist() == list(range(256))
