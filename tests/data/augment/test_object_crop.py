"""The crop shows an object whole, lies in the picture, and has the size that was asked for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinydet.data.augment.object_crop import random_object_crop

FRAME = (150, 400)


@st.composite
def box_lists(draw):
    boxes = []
    for _ in range(draw(st.integers(0, 4))):
        x, y = draw(st.floats(0, 390)), draw(st.floats(0, 145))
        boxes.append((x, y, draw(st.floats(x + 2, 400)), draw(st.floats(y + 2, 150))))
    return np.array(boxes, float).reshape(-1, 4)


def crop(boxes, seed, width=(0.2, 0.5), height=(0.3, 0.3)):
    """The part of the frame that a crop shows, pixels, and the size of the new frame."""
    arguments = {"crop_width": width, "crop_height": height, "interpolation": "bilinear"}
    warp = random_object_crop(np.random.default_rng(seed), arguments, FRAME, boxes)
    back = np.linalg.inv(warp.matrix)
    new_h, new_w = warp.frame
    return np.array([*(back @ [0, 0, 1])[:2], *(back @ [new_w, new_h, 1])[:2]]), warp.frame


@given(boxes=box_lists(), seed=st.integers(0, 2**32))
def test_an_object_shows_whole_and_nothing_beyond_the_picture(boxes, seed):
    part, _ = crop(boxes, seed)
    assert (part[:2] >= -1e-6).all()
    assert (part[2:] <= np.array([400, 150]) + 1e-6).all()
    if len(boxes):
        whole = (boxes[:, :2] >= part[:2] - 1e-6) & (boxes[:, 2:] <= part[2:] + 1e-6)
        assert whole.all(axis=1).any()


@given(boxes=box_lists(), seed=st.integers(0, 2**32))
def test_the_size_is_the_drawn_one_unless_the_object_is_larger(boxes, seed):
    part, frame = crop(boxes, seed)
    width, height = part[2:] - part[:2]
    sides = boxes[:, 2:] - boxes[:, :2]
    as_drawn = 80 - 1e-6 <= width <= 200 + 1e-6
    assert as_drawn or np.isclose(sides[:, 0], width).any()
    assert np.isclose(height, 45) or np.isclose(sides[:, 1], height).any()
    np.testing.assert_allclose([frame[1], frame[0]], [width, height], atol=0.51)


def test_every_object_and_every_place_around_it_gets_its_turn():
    boxes = np.array([[20.0, 20, 60, 60], [300.0, 90, 340, 120]])
    parts = np.array([crop(boxes, seed, width=(0.5, 0.5))[0] for seed in range(300)])
    left = parts[:, 0] <= 20
    assert 0.35 < left.mean() < 0.65
    # Of 200 pixels around 300..340: from 140 to the last place in the picture.
    around_the_second = parts[~left, 0]
    assert around_the_second.min() < 150
    assert around_the_second.max() > 190


def test_without_objects_the_crop_is_anywhere():
    parts = np.array([crop(np.zeros((0, 4)), seed, width=(0.25, 0.25))[0] for seed in range(200)])
    assert parts[:, 0].min() < 15
    assert parts[:, 0].max() > 285
