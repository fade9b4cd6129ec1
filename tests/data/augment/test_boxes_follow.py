"""Every movement takes the boxes along: a painted rectangle is found where its box says."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydet.config.detector_spec import PreprocessSpec
from tinydet.data.augment import Augmentation, make_augmentation
from tinydet.data.augment.canvas import moved_boxes
from tinydet.data.augment.geometry import GEOMETRIC_FUNCTIONS, rotation
from tinydet.data.augment.object_crop import OBJECT_FUNCTIONS

CONSTANT = {"fill_mode": "constant", "fill_value": 0}

# Every geometric function; constant fill, because a reflection shows the rectangle twice.
MOVEMENTS = {
    "random_crop": {"change_rate": 1},
    "random_object_crop": {"change_rate": 1},
    "random_flip": {"mode": "horizontal_and_vertical", "change_rate": 1},
    "random_translation": {"width_factor": 0.2, "height_factor": (-0.1, 0.3), **CONSTANT},
    "random_rotation": {"factor": 0.12, **CONSTANT},
    "random_shear": {"factor": 0.06, **CONSTANT},
    "random_shear_x": {"factor": 0.08, **CONSTANT},
    "random_shear_y": {"factor": 0.08, **CONSTANT},
    "random_zoom": {"width_factor": (-0.4, 0.5), "height_factor": 0.3, **CONSTANT},
}
CHAINS = {
    **{name: {name: arguments} for name, arguments in MOVEMENTS.items()},
    "flip left to right": {"random_flip": {"mode": "horizontal", "change_rate": 1}},
    "flip upside down": {"random_flip": {"mode": "vertical", "change_rate": 1}},
    "none": {},
    "all": {name: MOVEMENTS[name] for name in ("random_crop", "random_flip", "random_zoom")},
    "pixels between": {
        "random_translation": MOVEMENTS["random_translation"],
        "random_brightness": {"factor": (-0.02, 0.02)},
        "random_rotation": MOVEMENTS["random_rotation"],
    },
    "crop of what was moved": {
        "random_rotation": MOVEMENTS["random_rotation"],
        "random_object_crop": {"crop_width": 0.5, "crop_height": 0.6, "change_rate": 1},
    },
    "two fills": {
        "random_translation": MOVEMENTS["random_translation"],
        "random_rotation": {"factor": 0.05, "fill_mode": "constant", "fill_value": 9},
    },
    "nearest pixels": {"random_rotation": {"factor": 0.1, "interpolation": "nearest", **CONSTANT}},
}
SPECS = [
    PreprocessSpec(height=192, width=192),
    PreprocessSpec(height=160, width=224, aspect_ratio="padding"),
    PreprocessSpec(height=224, width=160, aspect_ratio="crop"),
]


def paint(size, box_px):
    """Blue-less grey picture with one blue rectangle: ``blue - red`` is high only inside it."""
    image = np.full((*size, 3), (90, 90, 60), np.uint8)
    x_min, y_min, x_max, y_max = box_px
    image[y_min:y_max, x_min:x_max] = (0, 0, 255)
    box = np.array([box_px], np.float32) / np.array([size[1], size[0]] * 2, np.float32)
    return image, box


def find(image):
    """The rectangle's extent, pixels covered by a third counted; None if it is not there."""
    blue = image[..., 2].astype(int) - image[..., 0] > 75
    if not blue.any():
        return None
    rows, columns = np.flatnonzero(blue.any(axis=1)), np.flatnonzero(blue.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def assert_box_is_where_the_rectangle_is(augmentation, spec, size, box_px, seed):
    """Returns whether there was a box to look for."""
    image, box = paint(size, box_px)
    rng = np.random.default_rng(seed)
    output, boxes, kept, _ = augmentation.augment(image, box, rng, spec)
    assert output.shape == (spec.height, spec.width, 3)
    found = find(output)
    input_px = np.array([spec.width, spec.height] * 2)
    if len(boxes) == 0:
        return False  # too little shows; see test_visibility
    assert kept.tolist() == [0]
    if found is None:  # the border blurs away what is that thin
        assert ((boxes[0, 2:] - boxes[0, :2]) * input_px[:2]).min() < 3
        return False
    # 1.6 pixels: the painted border falls between pixels, and tips of rotated corners are thin.
    np.testing.assert_allclose(found, boxes[0] * input_px, atol=1.6)
    return True


@st.composite
def rectangles(draw):
    """Image size and a rectangle in it of at least a fifth of each side."""
    height, width = draw(st.integers(200, 330)), draw(st.integers(200, 330))
    x_min, y_min = draw(st.integers(0, width // 2)), draw(st.integers(0, height // 2))
    x_max = draw(st.integers(x_min + width // 5, width))
    y_max = draw(st.integers(y_min + height // 5, height))
    return (height, width), (x_min, y_min, x_max, y_max)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.aspect_ratio)
@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS.keys())
@settings(max_examples=10, deadline=None)
@given(rectangle=rectangles(), seed=st.integers(0, 2**32))
def test_box_is_where_the_rectangle_is(chain, spec, rectangle, seed):
    size, box_px = rectangle
    assert_box_is_where_the_rectangle_is(make_augmentation(chain), spec, size, box_px, seed)


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS.keys())
def test_a_rectangle_in_the_middle_is_never_lost(chain):
    """The law above is not kept by dropping boxes."""
    augmentation = make_augmentation(chain)
    for seed in range(25):
        spec = SPECS[seed % 3]
        box_px = (70, 120, 190, 150)
        assert assert_box_is_where_the_rectangle_is(augmentation, spec, (260, 240), box_px, seed)


GENERATION_2024 = Augmentation(
    [
        # Its pixel functions would hide the rectangle from the test.
        step
        for step in make_augmentation(
            {
                "rotation": 30,
                "shearing": 15,
                "translation": 0.1,
                "vertical_flip": 0.5,
                "horizontal_flip": 0.5,
            }
        ).steps
        if step.draw is not None
    ],
    random_order=True,
)


def test_generation_2024_moves_by_four_functions():
    names = {step.name for step in GENERATION_2024.steps}
    assert names == {"horizontal_flip", "vertical_flip", "crop", "affine"}


@pytest.mark.parametrize("name", ["horizontal_flip", "vertical_flip", "crop", "affine"])
@settings(max_examples=20, deadline=None)
@given(rectangle=rectangles(), seed=st.integers(0, 2**32))
def test_box_is_where_the_rectangle_is_in_generation_2024(name, rectangle, seed):
    steps = [replace(s, change_rate=1) for s in GENERATION_2024.steps if s.name == name]
    size, box_px = rectangle
    spec = SPECS[seed % 3]
    assert_box_is_where_the_rectangle_is(Augmentation(steps), spec, size, box_px, seed)


@pytest.mark.parametrize("seed", range(40))
def test_all_movements_of_generation_2024_together(seed):
    spec = SPECS[seed % 3]
    box_px = (70, 120, 190, 150)
    assert_box_is_where_the_rectangle_is(GENERATION_2024, spec, (260, 240), box_px, seed)


def test_every_geometric_function_is_tested():
    assert set(MOVEMENTS) == {*GEOMETRIC_FUNCTIONS, *OBJECT_FUNCTIONS}


@pytest.mark.parametrize("fill_mode", ["constant", "nearest", "reflect", "wrap"])
def test_fill_modes(fill_mode):
    """A picture of two columns, moved to the right by a quarter of its width."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, :32], image[:, 32:] = (200, 0, 0), (0, 200, 0)
    chain = {
        "random_translation": {
            "width_factor": (0.25, 0.25),
            "height_factor": 0,
            "fill_mode": fill_mode,
            "fill_value": 77,
        }
    }
    output, *_ = make_augmentation(chain).augment(
        image, np.zeros((0, 4), np.float32), np.random.default_rng(0), PreprocessSpec(width=64)
    )
    expected = {
        "constant": [77, 77, 77],
        "nearest": [200, 0, 0],
        "reflect": [200, 0, 0],
        "wrap": [0, 200, 0],
    }[fill_mode]
    assert output[96, 8].tolist() == expected
    assert output[96, 24].tolist() == [200, 0, 0]
    assert output[96, 56].tolist() == [0, 200, 0]


@pytest.mark.parametrize(
    ("moved_by", "visible", "kept", "truncated"),
    [
        (0.0, 1.0, True, False),
        (0.7, 0.3, True, False),
        (0.8, 0.2, True, True),
        (0.89, 0.11, True, True),
        (0.91, 0.09, False, False),
        (1.0, 0.0, False, False),
    ],
)
def test_visibility(moved_by, visible, kept, truncated):
    """A box against the left edge, as wide as half the frame, pushed out by a share of itself."""
    chain = {
        "random_translation": {"width_factor": (-moved_by / 2,) * 2, "height_factor": 0, **CONSTANT}
    }
    boxes = np.array([[0, 0.2, 0.5, 0.9], [0, 0.3, 0.5, 0.4]], np.float32)
    image = np.zeros((90, 120, 3), np.uint8)
    _, moved, indices, cut = make_augmentation(chain).augment(
        image, boxes, np.random.default_rng(0), PreprocessSpec()
    )
    assert indices.tolist() == ([0, 1] if kept else [])
    assert cut.tolist() == [truncated] * len(indices)
    expected = np.array([[0, 0.2, visible / 2, 0.9], [0, 0.3, visible / 2, 0.4]])
    np.testing.assert_allclose(moved, expected[: len(moved)], atol=1e-6)


def test_a_box_under_a_pixel_is_dropped():
    image = np.zeros((400, 400, 3), np.uint8)
    boxes = np.array([[0.1, 0.1, 0.104, 0.5], [0.1, 0.1, 0.106, 0.5]], np.float32)
    spec = PreprocessSpec(height=192, width=192)
    _, _, indices, _ = make_augmentation(None).augment(image, boxes, np.random.default_rng(0), spec)
    assert indices.tolist() == [1]


def test_a_box_around_the_whole_window_is_the_window():
    """All corners outside, no edge inside: the frame's own corners bound what shows."""
    turn = rotation(0.3)
    shown, share = moved_boxes(np.array([[-900.0, -900, 900, 900]]), turn, (10, 20, 50, 40))
    np.testing.assert_allclose(shown, [[10, 20, 50, 40]])
    assert 0 < share[0] < 0.001


def test_golden_flip():
    boxes = np.array([[0.1, 0.2, 0.4, 0.8]], np.float32)
    image = np.zeros((50, 100, 3), np.uint8)
    chain = {"random_flip": {"mode": "horizontal", "change_rate": 1}}
    _, moved, _, _ = make_augmentation(chain).augment(
        image, boxes, np.random.default_rng(0), PreprocessSpec()
    )
    np.testing.assert_allclose(moved, [[0.6, 0.2, 0.9, 0.8]], atol=1e-6)
