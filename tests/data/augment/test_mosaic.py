"""A mosaic shows four images in four tiles, and every box is where its object is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydet.config.detector_spec import PreprocessSpec
from tinydet.data.augment.mosaic import Mosaic

SPECS = [
    PreprocessSpec(height=192, width=192),
    PreprocessSpec(height=160, width=224, aspect_ratio="padding"),
    PreprocessSpec(height=224, width=160, aspect_ratio="crop"),
]
# One image has one kind of rectangle: the colour tells from which image a pixel comes.
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))


def painted(size, box_px, colour):
    image = np.full((*size, 3), 60, np.uint8)
    x_min, y_min, x_max, y_max = box_px
    image[y_min:y_max, x_min:x_max] = colour
    return image, np.array([box_px], np.float32) / np.float32([size[1], size[0]] * 2)


@st.composite
def scenes(draw):
    images, boxes = [], []
    for colour in COLOURS:
        height, width = draw(st.integers(120, 330)), draw(st.integers(120, 330))
        x, y = draw(st.integers(0, width // 2)), draw(st.integers(0, height // 2))
        box = (x, y, draw(st.integers(x + 40, width)), draw(st.integers(y + 40, height)))
        image, box = painted((height, width), box, colour)
        images.append(image)
        boxes.append(box)
    return images, boxes


def extent(mosaic, colour):
    """Extent of the pixels of a colour, pixels half covered counted; None if there are none."""
    lit = np.array(colour) > 0
    pixels = mosaic.astype(int)
    found = (pixels[..., lit] > 158).all(axis=-1)
    if not lit.all():
        found &= (pixels[..., ~lit] < 32).all(axis=-1)
    if not found.any():
        return None
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.aspect_ratio)
@settings(max_examples=25, deadline=None)
@given(scene=scenes(), seed=st.integers(0, 2**32))
def test_boxes_are_where_the_rectangles_are(spec, scene, seed):
    images, boxes = scene
    mosaic = Mosaic(scale=(0.5, 1.5))
    picture = mosaic.compose(images, boxes, np.random.default_rng(seed), spec)
    size = (2 * spec.height, 2 * spec.width)
    assert picture.image.shape == (*size, 3)
    assert picture.boxes.shape == (4, 4)
    assert ((picture.visible >= 0) & (picture.visible <= 1 + 1e-9)).all()
    shown_px = picture.boxes * np.float32([size[1], size[0]] * 2)
    for box_px, visible, colour in zip(shown_px, picture.visible, COLOURS, strict=True):
        found = extent(picture.image, colour)
        sides = box_px[2:] - box_px[:2]
        if found is None:
            assert visible == 0 or sides.min() < 3
        elif sides.min() >= 3:
            np.testing.assert_allclose(found, box_px, atol=2.0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), center=st.floats(0.2, 0.8), scale=st.floats(0.3, 2))
def test_tiles_are_filled_and_meet_in_one_point(seed, center, scale):
    """Images of one colour each: a corner of the mosaic is one image, all of its tile."""
    images = [np.full((90 + 20 * i, 200 - 30 * i, 3), c, np.uint8) for i, c in enumerate(COLOURS)]
    boxes = [np.float32([[0, 0, 1, 1]])] * 4
    mosaic = Mosaic(center=(center, center), scale=(scale, scale))
    picture = mosaic.compose(images, boxes, np.random.default_rng(seed), SPECS[0])
    split = round(center * 384)
    windows = [(0, 0), (0, split), (split, 0), (split, split)]
    for (top, left), colour in zip(windows, COLOURS, strict=True):
        bottom, right = (split, 384)[top > 0], (split, 384)[left > 0]
        tile = picture.image[top:bottom, left:right]
        assert (tile == colour).all()
    # Each box is its whole tile.
    s = split / 384
    expected = [[0, 0, s, s], [s, 0, 1, s], [0, s, s, 1], [s, s, 1, 1]]
    np.testing.assert_allclose(picture.boxes, expected, atol=1e-6)


def test_scale_one_shows_objects_as_large_as_without_mosaic():
    """And the visible share is that of the object, whatever of it the tile cuts off."""
    image, box = painted((200, 300), (120, 80, 150, 100), COLOURS[0])
    mosaic = Mosaic(center=(0.5, 0.5), scale=(1, 1))
    whole = 0
    for seed in range(30):
        picture = mosaic.compose([image] * 4, [box] * 4, np.random.default_rng(seed), SPECS[0])
        sides = picture.boxes[:, 2:] - picture.boxes[:, :2]
        np.testing.assert_allclose(sides.prod(axis=1), 0.01 * picture.visible, atol=1e-6)
        full = picture.visible > 0.9999
        whole += full.sum()
        np.testing.assert_allclose(sides[full], [[0.1, 0.1]] * full.sum(), atol=1e-6)
    assert whole > 10


def test_an_image_without_objects_is_a_tile_like_any_other():
    images = [np.zeros((50, 60, 3), np.uint8)] * 4
    boxes = [np.zeros((0, 4), np.float32)] * 3 + [np.float32([[0, 0, 1, 1]] * 2)]
    picture = Mosaic().compose(images, boxes, np.random.default_rng(0), SPECS[1])
    assert picture.boxes.shape == (2, 4)
    assert (picture.visible > 0).all()
