"""Camera bytes as RGB: golden colours, and the formulas pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pixel_formats import BYTES_PER_PIXEL, decode_pixels


def limited(sum_256):
    return min(max(sum_256 // 256, 0), 255)


def yuv_oracle(y, u, v):
    return [
        limited(298 * (y - 16) + 409 * (v - 128) + 128),
        limited(298 * (y - 16) - 100 * (u - 128) - 208 * (v - 128) + 128),
        limited(298 * (y - 16) + 516 * (u - 128) + 128),
    ]


def word_oracle(word):
    red, green, blue = word // 2048, word // 32 % 64, word % 32
    return [red * 8 + red // 4, green * 4 + green // 16, blue * 8 + blue // 4]


def oracle(content, pixel_format, column, first):
    """The pixel of a column in the row that begins at byte ``first``."""
    if pixel_format in ("yuyv", "uyvy"):
        quad = content[first + column // 2 * 4 :][:4]
        luma, u, v = (0, 1, 3) if pixel_format == "yuyv" else (1, 0, 2)
        return yuv_oracle(quad[luma + 2 * (column % 2)], quad[u], quad[v])
    if pixel_format in ("rgb565", "rgb565_be"):
        order = "little" if pixel_format == "rgb565" else "big"
        return word_oracle(int.from_bytes(content[first + 2 * column :][:2], order))
    if pixel_format == "gray8":
        return [content[first + column]] * 3
    return list(content[first + 3 * column :][:3])


@pytest.mark.parametrize("pixel_format", BYTES_PER_PIXEL)
@given(st.integers(1, 5), st.integers(1, 4), st.data())
def test_every_pixel_is_what_the_formula_says(pixel_format, height, half_width, data):
    width = 2 * half_width - (pixel_format not in ("yuyv", "uyvy"))
    row_bytes = width * BYTES_PER_PIXEL[pixel_format]
    content = data.draw(st.binary(min_size=height * row_bytes, max_size=height * row_bytes))
    image = decode_pixels(content, pixel_format, height, width)
    assert (image.dtype, image.shape) == (np.uint8, (height, width, 3))
    assert image.tolist() == [
        [oracle(content, pixel_format, column, row * row_bytes) for column in range(width)]
        for row in range(height)
    ]


@pytest.mark.parametrize(
    ("name", "yuv", "rgb"),
    [
        ("black", (16, 128, 128), (0, 0, 0)),
        ("white", (235, 128, 128), (255, 255, 255)),
        ("red", (81, 90, 240), (255, 0, 0)),
        ("green", (145, 54, 34), (0, 255, 1)),
        ("blue", (41, 240, 110), (0, 0, 255)),
        ("below black", (0, 128, 128), (0, 0, 0)),
        ("above white", (255, 128, 128), (255, 255, 255)),
    ],
)
def test_video_range_colours(name, yuv, rgb):
    """The colour bars of the standard, to one step."""
    y, u, v = yuv
    for content, pixel_format in (((y, u, y, v), "yuyv"), ((u, y, v, y), "uyvy")):
        image = decode_pixels(bytes(content), pixel_format, 1, 2)
        assert np.abs(image.astype(int) - rgb).max() <= 1, name


def test_golden_words():
    content = bytes([0xFF, 0xFF, 0x00, 0x00, 0x1F, 0x00, 0x20, 0x08])
    expected = [[255, 255, 255], [0, 0, 0], [0, 0, 255], [8, 4, 0]]
    assert decode_pixels(content, "rgb565", 1, 4)[0].tolist() == expected
    swapped = bytes(np.frombuffer(content, np.uint8).reshape(-1, 2)[:, ::-1].tobytes())
    assert decode_pixels(swapped, "rgb565_be", 4, 1)[:, 0].tolist() == expected


@pytest.mark.parametrize(
    ("content", "pixel_format", "height", "width", "message"),
    [
        (bytes(12), "rgb888", 2, 3, "2x3 pixels of rgb888 are 18 bytes, got 12"),
        (bytes(6), "yuyv", 1, 3, "width of yuyv and uyvy even, got 1x3"),
        (b"", "gray8", 0, 3, "sides must be > 0"),
        (bytes(6), "nv12", 2, 2, "must be one of rgb888"),
    ],
)
def test_impossible_frames_are_refused(content, pixel_format, height, width, message):
    with pytest.raises(ValueError, match=message):
        decode_pixels(content, pixel_format, height, width)
