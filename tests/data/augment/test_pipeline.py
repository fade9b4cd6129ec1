"""The chain as a whole: repeatable, exact where nothing moves, sharp where it shrinks."""

import numpy as np
import pytest

from tinydet.config.detector_spec import PreprocessSpec
from tinydet.data.augment import make_augmentation
from tinydet.data.preprocess import boxes_to_network, preprocess

BOXES = np.array([[0.2, 0.3, 0.6, 0.8], [0.5, 0.1, 0.9, 0.4]], np.float32)
SHIPPED_2025 = {
    "random_contrast": {"factor": 0.4},
    "random_brightness": {"factor": 0.3},
    "random_flip": {"mode": "horizontal"},
    "random_translation": {"width_factor": 0.1, "height_factor": 0.1},
    "random_rotation": {"factor": 0.05},
}
SHIPPED_2024 = {
    "rotation": 30,
    "shearing": 15,
    "translation": 0.1,
    "vertical_flip": 0.5,
    "horizontal_flip": 0.2,
    "gaussian_blur": 3.0,
    "linear_contrast": [0.75, 1.5],
}
EVERYTHING = {
    "random_crop": {},
    "random_flip": {"mode": "horizontal"},
    "random_rectangle_erasing": {},
    "random_gaussian_noise": {"stddev": (0, 0.1)},
    "random_zoom": {"width_factor": 0.2, "fill_mode": "wrap"},
    "random_rotation": {"factor": 0.1, "fill_mode": "constant"},
    "random_posterize": {"bits": (3, 8), "change_rate": 0.5},
}


def photograph(height=150, width=220):
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("section", [SHIPPED_2024, SHIPPED_2025, EVERYTHING])
def test_same_seed_same_bytes(section):
    augmentation, image = make_augmentation(section), photograph()
    spec = PreprocessSpec(height=96, width=64, aspect_ratio="padding")

    def samples():
        return [
            augmentation.augment(image, BOXES, np.random.default_rng((1, 2, i)), spec)
            for i in range(12)
        ]

    first, second = samples(), samples()
    for one, other in zip(first, second, strict=True):
        for a, b in zip(one, other, strict=True):
            assert a.tobytes() == b.tobytes()
            assert a.dtype == b.dtype
    assert len({sample[0].tobytes() for sample in first}) == 12, "seeds must differ"


@pytest.mark.parametrize("aspect_ratio", ["fit", "crop", "padding"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "area"])
@pytest.mark.parametrize("color_mode", ["rgb", "bgr", "grayscale"])
def test_without_movement_it_is_the_preprocessing(aspect_ratio, interpolation, color_mode):
    spec = PreprocessSpec(
        height=96,
        width=64,
        aspect_ratio=aspect_ratio,
        interpolation=interpolation,
        color_mode=color_mode,
    )
    image = photograph()
    never = {"random_crop": {"change_rate": 0}, "random_invert": {"change_rate": 0}}
    for section in (None, never):
        output, boxes, kept, _ = make_augmentation(section).augment(
            image, BOXES, np.random.default_rng(0), spec
        )
        assert np.array_equal(output, preprocess(image, spec))
        expected = np.clip(boxes_to_network(BOXES, (150, 220), spec), 0, 1)
        np.testing.assert_allclose(boxes, expected[kept], atol=1e-6)
        assert boxes.dtype == np.float32


def test_movements_in_a_row_cost_one_interpolation():
    """Two opposite half-pixel shifts leave every pixel as it was."""
    image = photograph(96, 64)
    half = {"height_factor": 0, "fill_mode": "wrap"}
    there = {"width_factor": (0.5 / 64,) * 2, **half}
    section = {
        "random_translation": there,
        "random_flip": {"mode": "horizontal", "change_rate": 1},
        "random_zoom": {"width_factor": 0, "fill_mode": "wrap"},
    }
    spec = PreprocessSpec(height=96, width=64)
    output, *_ = make_augmentation(section).augment(image, BOXES, np.random.default_rng(0), spec)
    moved_once = (image.astype(int) + np.roll(image, 1, axis=1) + 1) // 2
    assert np.abs(output[:, ::-1] - moved_once).max() <= 1


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("horizontal", np.s_[:, ::-1]),
        ("vertical", np.s_[::-1]),
        ("horizontal_and_vertical", np.s_[::-1, ::-1]),
    ],
)
def test_a_flip_at_network_size_is_exact(mode, expected):
    """No half pixel is lost between pixel corners and pixel centres."""
    image = photograph(96, 64)
    section = {"random_flip": {"mode": mode, "change_rate": 1}}
    output, *_ = make_augmentation(section).augment(
        image, BOXES, np.random.default_rng(0), PreprocessSpec(height=96, width=64)
    )
    assert np.array_equal(output, image[expected])


@pytest.mark.parametrize("aspect_ratio", ["fit", "crop", "padding"])
def test_a_movement_by_nothing_is_nearly_the_preprocessing(aspect_ratio):
    """Warp and resize put the same pixels in the same places, also inside a letterbox."""
    y, x = np.mgrid[:150, :220]
    waves = [np.sin(x / 9), np.cos(y / 7), np.sin((x + y) / 11)]
    image = (127 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)
    spec = PreprocessSpec(height=96, width=128, aspect_ratio=aspect_ratio)
    section = {"random_translation": {"width_factor": 0, "height_factor": 0}}
    output, *_ = make_augmentation(section).augment(image, BOXES, np.random.default_rng(0), spec)
    difference = np.abs(output.astype(int) - preprocess(image, spec))
    assert difference.max() <= 4


def test_a_strong_shrink_averages():
    """Fine stripes become grey, not coarse stripes."""
    image = np.zeros((1200, 1600, 3), np.uint8)
    image[:, ::2] = 255
    section = {"random_flip": {"mode": "vertical", "change_rate": 1}}
    output, *_ = make_augmentation(section).augment(
        image, BOXES, np.random.default_rng(0), PreprocessSpec()
    )
    assert output.std() < 12
    assert abs(output.mean() - 127.5) < 3


def test_an_image_without_boxes_stays_without():
    spec = PreprocessSpec()
    none = np.zeros((0, 4), np.float32)
    for section in (None, SHIPPED_2024, SHIPPED_2025, EVERYTHING):
        output, boxes, kept, truncated = make_augmentation(section).augment(
            photograph(), none, np.random.default_rng(3), spec
        )
        assert output.shape == (192, 192, 3)
        assert boxes.shape == (0, 4)
        assert kept.shape == truncated.shape == (0,)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (2, 3)], ids=str)
def test_tiny_images(size):
    for section in (SHIPPED_2024, EVERYTHING):
        output, *_ = make_augmentation(section).augment(
            photograph(*size), BOXES, np.random.default_rng(3), PreprocessSpec()
        )
        assert output.shape == (192, 192, 3)
