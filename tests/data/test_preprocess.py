"""The one preprocessing: integers only, equal to the formulas of its docstrings, byte for byte."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydet.config.detector_spec import PreprocessSpec
from tinydet.data.preprocess import (
    PADDING_VALUE,
    boxes_to_image,
    boxes_to_network,
    place,
    preprocess,
    rescale,
    resize,
    to_color_mode,
)

INT32_MAX = 2**31 - 1
sides = st.integers(1, 23)


def small(value):
    """A number that must fit a 32-bit register of the device."""
    assert -(2**31) <= value <= INT32_MAX
    return value


def oracle_pixel(image, row, column, channel, size, interpolation):
    """One output value, by loops over plain integers as C has them."""
    (h, w), (height, width) = (len(image), len(image[0])), size
    if interpolation == "nearest":
        y = small((2 * row + 1) * h) // (2 * height)
        return int(image[y][small((2 * column + 1) * w) // (2 * width)][channel])
    if interpolation == "bilinear":
        taps = []
        for o, n, m in ((row, h, height), (column, w, width)):
            q = small((2 * o + 1) * n * 128 + m // 2) // m - 128
            q = min(max(q, 0), (n - 1) * 256)
            taps.append((q >> 8, min((q >> 8) + 1, n - 1), q & 255))
        (y0, y1, fy), (x0, x1, fx) = taps
        a, b, c, d = (int(image[y][x][channel]) for y in (y0, y1) for x in (x0, x1))
        top, bottom = (256 - fx) * a + fx * b, (256 - fx) * c + fx * d
        return small((256 - fy) * top + fy * bottom + 32768) >> 16
    total = 0
    for y in range(h):
        overlap_y = max(0, min((row + 1) * h, (y + 1) * height) - max(row * h, y * height))
        for x in range(w):
            overlap_x = min((column + 1) * w, (x + 1) * width) - max(column * w, x * width)
            total = small(total + overlap_y * max(0, overlap_x) * image[y][x][channel])
    return (total + h * w // 2) // (h * w)


def random_image(seed, height, width):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth_image(seed, height, width):
    """A picture in which neighbours are alike, as in a photograph."""
    return cv2.GaussianBlur(random_image(seed, height, width), (0, 0), 2)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "area"])
@settings(max_examples=25, deadline=None)
@given(sides, sides, sides, sides, st.integers(0, 99))
def test_resize_equals_the_integer_loop(interpolation, h, w, height, width, seed):
    image = random_image(seed, h, w)
    spec = PreprocessSpec(height=height, width=width, interpolation=interpolation)
    pixels = image.tolist()
    expected = [
        [
            [oracle_pixel(pixels, y, x, c, (height, width), interpolation) for c in range(3)]
            for x in range(width)
        ]
        for y in range(height)
    ]
    assert resize(image, spec).tolist() == expected


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("size", [(3200, 2700), (97, 1500)], ids=str)
def test_photographs_equal_the_integer_loop(interpolation, size):
    image = random_image(1, *size)
    resized = resize(image, PreprocessSpec(height=7, width=5, interpolation=interpolation))
    for row, column in ((0, 0), (6, 4), (3, 1)):
        expected = [oracle_pixel(image, row, column, c, (7, 5), interpolation) for c in range(3)]
        assert resized[row, column].tolist() == expected


def overlaps(n, m):
    """``[m, n]``: how much of source pixel i output pixel o covers, in 1/m pixel."""
    o, i = np.arange(m)[:, None], np.arange(n)[None]
    return np.maximum(0, np.minimum((o + 1) * n, (i + 1) * m) - np.maximum(o * n, i * m))


@pytest.mark.parametrize("size", [(3200, 2700), (97, 1500)], ids=str)
def test_area_average_of_photographs_is_exact(size):
    """Here sums exceed 31 bits; double precision is exact far beyond them."""
    image = random_image(1, *size)
    resized = resize(image, PreprocessSpec(height=7, width=5, interpolation="area"))
    by_row, by_column = (overlaps(n, m).astype(float) for n, m in zip(size, (7, 5), strict=True))
    sums = by_row @ image[..., 1].astype(float) @ by_column.T
    area = size[0] * size[1]
    assert np.array_equal(resized[..., 1], (sums.astype(int) + area // 2) // area)


@pytest.mark.parametrize(
    ("interpolation", "opencv", "tolerance"),
    [
        ("bilinear", cv2.INTER_LINEAR, 2),
        ("area", cv2.INTER_AREA, 1),
    ],
)
@pytest.mark.parametrize("size", [(448, 336), (301, 448), (640, 480)], ids=str)
def test_resize_is_what_everyone_means_by_the_word(interpolation, opencv, tolerance, size):
    image = smooth_image(3, *size)
    spec = PreprocessSpec(height=192, width=224, interpolation=interpolation)
    expected = cv2.resize(image, (224, 192), interpolation=opencv)
    assert np.abs(resize(image, spec).astype(int) - expected).max() <= tolerance


def test_golden_bilinear():
    """4 columns to 3, 1 row to 2: source positions 1/6, 3/2, 17/6 in 1/256 pixel: 43, 384, 725."""
    image = np.repeat(np.array([[0, 100, 50, 255]], np.uint8)[..., None], 3, axis=2)
    resized = resize(image, PreprocessSpec(height=2, width=3))
    assert resized[0, :, 1].tolist() == [17, 75, 221]
    assert resized[1].tolist() == resized[0].tolist()


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "area"])
@pytest.mark.parametrize("aspect_ratio", ["fit", "crop", "padding"])
def test_an_image_of_the_right_size_stays_and_is_copied(interpolation, aspect_ratio):
    spec = PreprocessSpec(
        height=31, width=47, interpolation=interpolation, aspect_ratio=aspect_ratio
    )
    image = random_image(5, 31, 47)
    resized = resize(image, spec)
    assert np.array_equal(resized, image)
    assert not np.shares_memory(resized, image)


@settings(deadline=None)
@given(st.integers(1, 700), st.integers(1, 700), st.integers(1, 416), st.integers(1, 416))
def test_placement_keeps_the_aspect_ratio_and_stays_inside(h, w, height, width):
    for aspect_ratio in ("crop", "padding"):
        p = place((h, w), (height, width), aspect_ratio)
        assert 0 <= p.source_top <= h - p.source_height < h
        assert 0 <= p.source_left <= w - p.source_width < w
        assert 0 <= p.top <= height - p.height < height
        assert 0 <= p.left <= width - p.width < width
        # Centred: the two margins differ by one pixel at most.
        assert 0 <= (h - p.source_height) - 2 * p.source_top <= 1
        assert 0 <= (width - p.width) - 2 * p.left <= 1
        # One of the four sides was rounded to a whole pixel, by half a pixel at most.
        cross = p.source_height * p.width - p.source_width * p.height
        assert 2 * abs(cross) <= max(h, w, height, width) or 1 in (
            p.source_height,
            p.source_width,
            p.height,
            p.width,
        )
        if aspect_ratio == "crop":
            assert (p.height, p.width) == (height, width)
            assert p.source_height == h or p.source_width == w
        else:
            assert (p.source_height, p.source_width) == (h, w)
            assert p.height == height or p.width == width


def test_padding_scales_and_fills_with_grey():
    image = np.full((40, 80, 3), 7, np.uint8)
    resized = resize(image, PreprocessSpec(height=60, width=40, aspect_ratio="padding"))
    assert (resized[20:40] == 7).all()
    assert (resized[:20] == PADDING_VALUE).all()
    assert (resized[40:] == PADDING_VALUE).all()


def test_crop_scales_and_cuts_the_centre():
    image = np.zeros((30, 90, 3), np.uint8)
    image[:, 35:55] = 200
    resized = resize(image, PreprocessSpec(height=60, width=40, aspect_ratio="crop"))
    assert (resized == 200).all()


@st.composite
def box_arrays(draw):
    values = st.floats(-0.5, 1.5, width=32)
    return np.array(
        draw(st.lists(st.tuples(values, values, values, values), max_size=5)), np.float32
    ).reshape(-1, 4)


@pytest.mark.parametrize("aspect_ratio", ["fit", "crop", "padding"])
@settings(deadline=None)
@given(box_arrays(), st.integers(20, 3000), st.integers(20, 3000))
def test_boxes_to_image_is_the_inverse(aspect_ratio, boxes, h, w):
    spec = PreprocessSpec(height=192, width=416, aspect_ratio=aspect_ratio)
    there = boxes_to_network(boxes, (h, w), spec)
    back = boxes_to_image(there, (h, w), spec)
    assert there.dtype == back.dtype == np.float32
    # Fractions of a narrow part are magnified on the way.
    np.testing.assert_allclose(back, boxes, atol=1e-5 * max(1, h / w, w / h))


@pytest.mark.parametrize("aspect_ratio", ["fit", "crop", "padding"])
@pytest.mark.parametrize("size", [(120, 260), (250, 130)], ids=str)
def test_boxes_lie_where_the_pixels_lie(aspect_ratio, size):
    """A white rectangle is found in the resized image where its box is sent."""
    image = np.zeros((*size, 3), np.uint8)
    y_min, x_min, y_max, x_max = 50, 60, 80, 90
    image[y_min:y_max, x_min:x_max] = 255
    h, w = size
    box = np.array([[x_min / w, y_min / h, x_max / w, y_max / h]], np.float32)
    spec = PreprocessSpec(height=192, width=224, aspect_ratio=aspect_ratio)
    white = resize(image, spec)[..., 0] > 190
    rows, columns = np.flatnonzero(white.any(axis=1)), np.flatnonzero(white.any(axis=0))
    found = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    expected = np.clip(boxes_to_network(box, size, spec)[0], 0, 1) * [224, 192, 224, 192]
    np.testing.assert_allclose(found, expected, atol=1.2)


def test_color_modes():
    image = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    assert to_color_mode(image, "rgb") is image
    assert to_color_mode(image, "bgr")[0, 0].tolist() == [0, 0, 255]
    assert to_color_mode(image, "grayscale")[0].tolist() == [[v] * 3 for v in (77, 149, 29, 255)]


def test_preprocess_is_resize_then_colour():
    image = random_image(8, 50, 30)
    spec = PreprocessSpec(height=24, width=32, color_mode="grayscale", aspect_ratio="padding")
    expected = to_color_mode(resize(image, spec), "grayscale")
    assert np.array_equal(preprocess(image, spec), expected)


def test_rescale():
    images = np.array([0, 51, 255], np.uint8)
    rescaled = rescale(images, PreprocessSpec(scale=1 / 51, offset=-2))
    assert rescaled.dtype == np.float32
    np.testing.assert_allclose(rescaled, [-2, -1, 3], atol=1e-6)


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)],
    ids=["no channels", "four channels", "float"],
)
def test_other_arrays_are_refused(image):
    with pytest.raises(ValueError, match="uint8, got"):
        resize(image, PreprocessSpec())


def test_an_image_without_pixels_is_refused():
    with pytest.raises(ValueError, match="sides > 0"):
        resize(np.zeros((0, 4, 3), np.uint8), PreprocessSpec())
