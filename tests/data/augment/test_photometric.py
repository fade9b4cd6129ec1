"""Pixel functions: what each does to known pixels, and that none moves a box."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydet.config.detector_spec import PreprocessSpec
from tinydet.data.augment import FUNCTION_ARGUMENTS, make_augmentation
from tinydet.data.augment.geometry import GEOMETRIC_FUNCTIONS
from tinydet.data.augment.mosaic import MOSAIC
from tinydet.data.augment.object_crop import OBJECT_FUNCTIONS
from tinydet.data.preprocess import preprocess

STRONG = {
    "random_contrast": {"factor": 0.9},
    "random_brightness": {"factor": 0.9},
    "random_gamma": {"gamma": (0.3, 3)},
    "random_hue": {"delta": 0.5},
    "random_saturation": {"delta": 0.9},
    "random_value": {"delta": 0.9},
    "random_hsv": {"hue_delta": 0.5, "saturation_delta": 0.9, "value_delta": 0.5},
    "random_rgb_to_hsv": {},
    "random_rgb_to_grayscale": {},
    "random_sharpness": {"factor": 5},
    "random_posterize": {"bits": (1, 7)},
    "random_invert": {},
    "random_solarize": {},
    "random_autocontrast": {"cutoff": 20},
    "random_blur": {"filter_size": (2, 9)},
    "random_gaussian_noise": {"stddev": (0.01, 0.2)},
    "random_rectangle_erasing": {"nrec": (1, 4)},
}
SPEC = PreprocessSpec(height=48, width=64)
BOXES = np.array([[0.1, 0.2, 0.5, 0.9], [0.0, 0.0, 1.0, 1.0]], np.float32)


def coloured_image(seed=0, height=48, width=64):
    """A ramp in each channel with some noise: no clipped and no grey pixels to speak of."""
    y, x = np.mgrid[:height, :width] / np.array([[[height]], [[width]]])
    ramps = np.stack([60 + 120 * x, 50 + 90 * y, 200 - 100 * x * y], axis=-1)
    noise = np.random.default_rng(seed).uniform(-9, 9, ramps.shape)
    return (ramps + noise).astype(np.uint8)


def change(image, chain, seed=0):
    return make_augmentation(chain).augment(image, BOXES, np.random.default_rng(seed), SPEC)


def fixed(function, **arguments):
    """The output pixels of one function that is always applied."""
    return change(coloured_image(), {function: {**arguments, "change_rate": 1}})[0].astype(int)


def test_every_pixel_function_is_tested():
    moving = {MOSAIC, *GEOMETRIC_FUNCTIONS, *OBJECT_FUNCTIONS}
    assert set(STRONG) == set(FUNCTION_ARGUMENTS) - moving


@pytest.mark.parametrize("function", STRONG)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_pixels_change_and_boxes_stay(function, seed):
    image = coloured_image(seed)
    before = image.copy()
    chain = {function: {**STRONG[function], "change_rate": 1}}
    output, boxes, kept, truncated = change(image, chain, seed)
    assert output.shape == (48, 64, 3)
    assert output.dtype == np.uint8
    assert np.array_equal(boxes, BOXES)
    assert kept.tolist() == [0, 1]
    assert not truncated.any()
    assert np.array_equal(image, before), "the caller's image must not change"


@pytest.mark.parametrize("function", STRONG)
def test_change_rate(function):
    """0 never changes anything, 1 always; in between about as often as it says."""
    image = coloured_image()
    image[0, 0] = 255  # above any threshold
    unchanged = preprocess(image, SPEC)

    def changes(rate):
        chain = {function: {**STRONG[function], "change_rate": rate}}
        return sum(
            not np.array_equal(change(image, chain, seed)[0], unchanged) for seed in range(40)
        )

    assert changes(0) == 0
    assert changes(1) >= 36  # a factor drawn near 0 changes nothing
    assert 4 <= changes(0.3) <= 22


def test_contrast_is_distance_from_the_mean():
    image = coloured_image().astype(float)
    mean = image.mean(axis=(0, 1))
    expected = mean + 1.4 * (image - mean)
    assert np.abs(fixed("random_contrast", factor=(0.4, 0.4)) - expected).max() <= 0.51


def test_brightness_is_added_and_clipped():
    expected = np.minimum(coloured_image() + 0.3 * 255, 255)
    assert np.abs(fixed("random_brightness", factor=(0.3, 0.3)) - expected).max() <= 0.51


def test_gamma_above_one_darkens():
    expected = 255 * (coloured_image() / 255) ** 2
    assert np.abs(fixed("random_gamma", gamma=(2, 2)) - expected).max() <= 0.51


def test_hue_by_a_third_of_the_circle_turns_red_into_green():
    image = np.full((48, 64, 3), (200, 20, 20), np.uint8)
    output = change(image, {"random_hue": {"delta": (1 / 3, 1 / 3)}})[0]
    assert np.abs(output[0, 0].astype(int) - [20, 200, 20]).max() <= 5


@pytest.mark.parametrize("delta", [-0.5, 0.5])
def test_grey_stays_grey_under_saturation(delta):
    image = np.repeat(np.arange(48 * 64, dtype=np.uint8).reshape(48, 64, 1), 3, axis=2)
    output = change(image, {"random_saturation": {"delta": (delta, delta)}})[0]
    assert np.array_equal(output, image)


def test_value_moves_the_largest_channel():
    expected = coloured_image().max(axis=-1) - 51
    assert np.abs(fixed("random_value", delta=(-0.2, -0.2)).max(axis=-1) - expected).max() <= 1


def test_readme_spellings_of_hsv_are_the_same():
    image = coloured_image()
    ours = {"hue_delta": 0.1, "saturation_delta": 0.2, "value_delta": 0.3}
    theirs = {"delta_hue": 0.1, "delta_saturation": 0.2, "delta_value": 0.3}
    first, second = (change(image, {"random_hsv": a})[0] for a in (ours, theirs))
    assert np.array_equal(first, second)


def test_grayscale_has_equal_channels():
    output = fixed("random_rgb_to_grayscale")
    assert np.array_equal(output[..., 0], output[..., 1])
    assert np.abs(output[..., 0] - coloured_image() @ [0.299, 0.587, 0.114]).max() < 1


def test_hsv_shows_value_in_the_third_channel():
    assert np.array_equal(fixed("random_rgb_to_hsv")[..., 2], coloured_image().max(axis=-1))


def test_sharpness_widens_local_differences():
    image = coloured_image().astype(int)
    assert np.array_equal(fixed("random_sharpness", factor=(0, 0)), image)
    sharp = fixed("random_sharpness", factor=(2, 2))
    assert np.abs(np.diff(sharp, axis=1)).mean() > 1.5 * np.abs(np.diff(image, axis=1)).mean()


@pytest.mark.parametrize(("bits", "values"), [(1, {0, 128}), (2, {0, 64, 128, 192})])
def test_posterize_keeps_the_highest_bits(bits, values):
    assert set(np.unique(fixed("random_posterize", bits=(bits, bits)))) <= values


def test_posterize_with_all_bits_changes_nothing():
    assert np.array_equal(fixed("random_posterize", bits=(8, 8)), coloured_image())


def test_invert_is_its_own_inverse():
    assert np.array_equal(255 - fixed("random_invert"), coloured_image())


def test_solarize_inverts_above_a_threshold():
    image, output = coloured_image().astype(int), fixed("random_solarize")
    inverted = output != image
    assert np.array_equal(output[inverted], 255 - image[inverted])
    assert image[inverted].min() > image[~inverted & (image != 255 - image)].max()


def test_autocontrast_uses_the_whole_range():
    output = fixed("random_autocontrast", cutoff=5)
    for channel in range(3):
        assert 0.03 < (output[..., channel] == 0).mean() < 0.09
        assert 0.03 < (output[..., channel] == 255).mean() < 0.09


@pytest.mark.parametrize("cutoff", [0, 50, 100])
def test_autocontrast_without_anything_left_changes_nothing(cutoff):
    output = fixed("random_autocontrast", cutoff=cutoff)
    if cutoff != 50:
        assert np.array_equal(output, coloured_image())
    assert output.min() >= 0


@pytest.mark.parametrize("padding", ["reflect", "symmetric", "constant", "REFLECT"])
def test_blur_is_the_mean_of_the_window(padding):
    image = coloured_image().astype(int)
    output = fixed("random_blur", filter_size=(3, 3), padding=padding, constant_values=255)
    inner = sum(image[1 + y : 47 + y, 1 + x : 63 + x] for y in (-1, 0, 1) for x in (-1, 0, 1)) / 9
    assert np.abs(output[1:-1, 1:-1] - inner).max() <= 0.51
    corner = image[:2, :2].sum(axis=(0, 1))
    if padding == "constant":
        assert np.abs(output[0, 0] - (corner + 5 * 255) / 9).max() <= 0.51
    if padding == "symmetric":
        weights = np.array([[4, 2], [2, 1]])[..., None]
        assert np.abs(output[0, 0] - (weights * image[:2, :2]).sum(axis=(0, 1)) / 9).max() <= 0.51


def test_noise_has_the_deviation_asked_for():
    difference = fixed("random_gaussian_noise", stddev=(0.04, 0.04)) - coloured_image()
    assert abs(difference.std() - 0.04 * 255) < 0.3
    assert abs(difference.mean()) < 0.5


@pytest.mark.parametrize(
    ("arguments", "colours"),
    [
        ({"fill_method": "uniform", "color": [1, 2, 3]}, 1),
        ({"fill_method": "random"}, 1),
        ({"fill_method": "mosaic"}, None),
    ],
    ids=["uniform", "random", "mosaic"],
)
def test_erasing_paints_a_rectangle_of_the_given_area(arguments, colours):
    output = fixed(
        "random_rectangle_erasing", nrec=1, area=(0.25, 0.25), wh_ratio=(1, 1), **arguments
    )
    painted = (output != coloured_image()).any(axis=-1)
    assert abs(painted.mean() - 0.25) < 0.03
    rows, columns = np.flatnonzero(painted.any(axis=1)), np.flatnonzero(painted.any(axis=0))
    assert abs(len(rows) - len(columns)) <= 1
    found = np.unique(output[painted], axis=0)
    assert len(found) == colours if colours else len(found) > 500
    if "color" in arguments:
        assert found.tolist() == [[1, 2, 3]]
