"""Both generations of the section are read as documented; everything wrong is said at once."""

import pytest

from tinydet.data.augment import FUNCTION_ARGUMENTS, make_augmentation, validate_augmentation
from tinydet.data.augment.mosaic import MOSAIC, Mosaic
from tinydet.errors import ConfigError

# Documented name, documented defaults, and a value for what has none.
DOCUMENTED = {
    "random_contrast": ({"change_rate": 1.0}, {"factor": 0.4}),
    "random_brightness": ({"change_rate": 1.0}, {"factor": (-0.1, 0.3)}),
    "random_gamma": ({"change_rate": 1.0}, {"gamma": (0.2, 2.0)}),
    "random_hue": ({"change_rate": 1.0}, {"delta": 0.1}),
    "random_saturation": ({"change_rate": 1.0}, {"delta": 0.2}),
    "random_value": ({"change_rate": 1.0}, {"delta": 0.2}),
    "random_hsv": (
        {
            "hue_delta": None,
            "saturation_delta": None,
            "value_delta": None,
            "change_rate": 1.0,
        },
        {},
    ),
    "random_rgb_to_hsv": ({"change_rate": 0.25}, {}),
    "random_rgb_to_grayscale": ({"change_rate": 0.25}, {}),
    "random_sharpness": ({"change_rate": 1.0}, {"factor": 2}),
    "random_posterize": ({"change_rate": 1.0}, {"bits": (2, 8)}),
    "random_invert": ({"change_rate": 0.25}, {}),
    "random_solarize": ({"change_rate": 0.25}, {}),
    "random_autocontrast": ({"cutoff": 10, "change_rate": 0.25}, {}),
    "random_blur": (
        {"padding": "reflect", "constant_values": 0, "change_rate": 1.0},
        {"filter_size": (2, 4)},
    ),
    "random_gaussian_noise": ({"change_rate": 1.0}, {"stddev": (0.0001, 0.005)}),
    "random_crop": (
        {
            "crop_center_x": (0.25, 0.75),
            "crop_center_y": (0.25, 0.75),
            "crop_width": (0.6, 0.9),
            "crop_height": (0.6, 0.9),
            "interpolation": "bilinear",
            "change_rate": 0.9,
        },
        {},
    ),
    "random_object_crop": (
        {
            "crop_width": (0.4, 1.0),
            "crop_height": (0.4, 1.0),
            "interpolation": "bilinear",
            "change_rate": 0.9,
        },
        {},
    ),
    "random_flip": ({"change_rate": 0.5}, {"mode": "horizontal_and_vertical"}),
    **{
        name: (
            {
                "fill_mode": "reflect",
                "interpolation": "bilinear",
                "fill_value": 0.0,
                "change_rate": 1.0,
            },
            required,
        )
        for name, required in {
            "random_translation": {"width_factor": 0.1, "height_factor": 0.1},
            "random_rotation": {"factor": 0.05},
            "random_shear": {"factor": 0.075},
            "random_shear_x": {"factor": 0.075},
            "random_shear_y": {"factor": 0.075},
            "random_zoom": {"width_factor": 0.3},
        }.items()
    },
    "random_rectangle_erasing": (
        {
            "nrec": (0, 3),
            "area": (0.05, 0.2),
            "wh_ratio": (0.2, 1.5),
            "fill_method": "random",
            "color": None,
            "change_rate": 1.0,
            "mode": "image",
        },
        {},
    ),
}
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


def test_every_documented_function_is_there():
    assert set(FUNCTION_ARGUMENTS) == {*DOCUMENTED, MOSAIC}


@pytest.mark.parametrize("function", DOCUMENTED)
def test_defaults_are_the_documented_ones(function):
    """Leaving a documented default out is the same as writing it."""
    defaults, required = DOCUMENTED[function]
    short = make_augmentation({function: required})
    long = make_augmentation({function: {**defaults, **required}})
    assert short.steps == long.steps
    assert short.steps[0].change_rate == defaults["change_rate"]
    for name, value in defaults.items():
        if name != "change_rate":
            assert short.steps[0].arguments[name] == value


@pytest.mark.parametrize("function", [f for f, (_, required) in DOCUMENTED.items() if required])
def test_what_has_no_default_is_asked_for(function):
    findings = validate_augmentation({function: None})
    required = list(DOCUMENTED[function][1])
    assert [f.split(":")[0] for f in findings] == [
        f"data_augmentation.{function}.{name}" for name in required
    ]
    assert all("missing" in f for f in findings)


@pytest.mark.parametrize(
    ("function", "given", "argument", "value"),
    [
        ("random_contrast", {"factor": 0.4}, "factor", (-0.4, 0.4)),
        ("random_contrast", {"factor": [0.1, 0.2]}, "factor", (0.1, 0.2)),
        ("random_sharpness", {"factor": 2}, "factor", (0, 2)),
        ("random_rotation", {"factor": 0.05}, "factor", (-0.05, 0.05)),
        ("random_hue", {"delta": 0.1}, "delta", (-0.1, 0.1)),
        ("random_rectangle_erasing", {"nrec": 2}, "nrec", (2, 2)),
        ("random_rectangle_erasing", {"color": 9}, "color", (9, 9, 9)),
        ("random_flip", {"mode": "HORIZONTAL"}, "mode", "horizontal"),
    ],
)
def test_values_are_widened(function, given, argument, value):
    assert make_augmentation({function: given}).steps[0].arguments[argument] == value


def test_functions_keep_the_order_of_the_file():
    assert [s.name for s in make_augmentation(SHIPPED_2025).steps] == list(SHIPPED_2025)
    reverse = dict(reversed(SHIPPED_2025.items()))
    assert [s.name for s in make_augmentation(reverse).steps] == list(reverse)


def test_a_mosaic_comes_first_or_not_at_all():
    assert make_augmentation(SHIPPED_2025).mosaic is None
    assert make_augmentation({MOSAIC: None, **SHIPPED_2025}).mosaic == Mosaic()
    given = {"center": 0.5, "scale": (0.5, 2), "change_rate": 0.3}
    assert make_augmentation({MOSAIC: given}).mosaic == Mosaic(0.3, (0.5, 0.5), (0.5, 2))
    (finding,) = validate_augmentation({**SHIPPED_2025, MOSAIC: None})
    assert finding.startswith("data_augmentation.random_mosaic: ")
    assert "Make it the first" in finding


def test_generation_2024():
    """A flip of 0.2 is a flip in 10 % of the images, and its unasked companions are there."""
    augmentation = make_augmentation(SHIPPED_2024)
    rates = {step.name: step.change_rate for step in augmentation.steps}
    assert augmentation.random_order
    assert rates == {
        "horizontal_flip": 0.1,
        "vertical_flip": 0.25,
        "crop": 0.5,
        "affine": 0.5,
        "gaussian_blur": 1,
        "linear_contrast": 1,
        "brightness": 1,
        "noise": 1,
        "offset": 1,
    }


@pytest.mark.parametrize("nothing", [None, {}])
def test_no_section_is_no_augmentation(nothing):
    assert validate_augmentation(nothing) == []
    assert make_augmentation(nothing).steps == ()


@pytest.mark.parametrize(
    ("section", "finding"),
    [
        pytest.param(
            {"random_contrst": {"factor": 1}},
            "data_augmentation.random_contrst: unknown augmentation function."
            " Did you mean 'random_contrast'?",
            id="unknown function",
        ),
        pytest.param(
            {"rotaton": 30},
            "data_augmentation.rotaton: unknown augmentation function. Did you mean 'rotation'?",
            id="unknown key of 2024",
        ),
        pytest.param(
            {"random_contrast": {"factr": 1, "factor": 1}},
            "data_augmentation.random_contrast.factr: unknown argument"
            " (known: factor, change_rate). Did you mean 'factor'?",
            id="unknown argument",
        ),
        pytest.param(
            {"random_contrast": 0.4},
            "data_augmentation.random_contrast: 0.4 is not supported"
            " (supported: a mapping of factor, change_rate). Write its arguments as a mapping.",
            id="no mapping",
        ),
        pytest.param(
            {"random_contrast": {"factor": "strong"}},
            "data_augmentation.random_contrast.factor: expected two numbers from -1 to 1, the"
            " smaller first, or one number v for (-v, v); found 'strong'.",
            id="word for a range",
        ),
        pytest.param(
            {"random_contrast": {"factor": (0.4, -0.4)}},
            "data_augmentation.random_contrast.factor: expected two numbers from -1 to 1, the"
            " smaller first, or one number v for (-v, v); found (0.4, -0.4).",
            id="range upside down",
        ),
        pytest.param(
            {"random_posterize": {"bits": (2.5, 3)}},
            "data_augmentation.random_posterize.bits: expected two integers from 1 to 8, the"
            " smaller first; found (2.5, 3).",
            id="no integers",
        ),
        pytest.param(
            {"random_invert": {"change_rate": 1.5}},
            "data_augmentation.random_invert.change_rate: expected a number from 0 to 1;"
            " found 1.5.",
            id="probability above 1",
        ),
        pytest.param(
            {"random_invert": {"change_rate": float("nan")}},
            "data_augmentation.random_invert.change_rate: expected a number from 0 to 1;"
            " found nan.",
            id="not a number",
        ),
        pytest.param(
            {"random_flip": {"mode": "left"}},
            "data_augmentation.random_flip.mode: expected horizontal or vertical or"
            " horizontal_and_vertical; found 'left'.",
            id="choice",
        ),
        pytest.param(
            {"random_rectangle_erasing": {"mode": "batch"}},
            "data_augmentation.random_rectangle_erasing.mode: expected image (rectangles are"
            " drawn for each image, never for a whole batch); found 'batch'.",
            id="batch mode",
        ),
        pytest.param(
            {"random_rectangle_erasing": {"color": [1, 2]}},
            "data_augmentation.random_rectangle_erasing.color: expected three integers from 0 to"
            " 255 (red, green, blue); found [1, 2].",
            id="colour",
        ),
        pytest.param(
            {"random_hsv": {"hue_delta": 0.1, "delta_hue": 0.1}},
            "data_augmentation.random_hsv.delta_hue: given twice, also as hue_delta."
            " Keep one of them.",
            id="two spellings",
        ),
        pytest.param(
            {"random_periodic_resizing": {"period": 10, "image_sizes": [[192, 192]]}},
            "data_augmentation.random_periodic_resizing: changing the input size during training"
            " is not supported (supported: one fixed input size, as an SSD network needs)."
            " Remove it and use random_crop or random_zoom for objects of other sizes.",
            id="periodic resizing",
        ),
        pytest.param(
            {"pixels_range": [0, 1]},
            "data_augmentation.pixels_range: setting the pixel range is not supported"
            " (supported: 0 to 255, managed by the program). Remove it.",
            id="pixels_range",
        ),
        pytest.param(
            {**SHIPPED_2025, "rotation": 30},
            "data_augmentation.rotation: a key of the 2024 generation among functions of the 2025"
            " generation. Use the keys of one generation only.",
            id="generations mixed",
        ),
        pytest.param(
            {**SHIPPED_2024, "horizontal_flip": 2},
            "data_augmentation.horizontal_flip: expected a number from 0 to 1; found 2.",
            id="value of 2024",
        ),
        pytest.param(
            {**SHIPPED_2024, "shering": 2},
            "data_augmentation.shering: unknown argument (known: rotation, shearing, translation,"
            " vertical_flip, horizontal_flip, gaussian_blur, linear_contrast)."
            " Did you mean 'shearing'?",
            id="key beside those of 2024",
        ),
    ],
)
def test_finding(section, finding):
    assert validate_augmentation(section) == [finding]


def test_all_findings_at_once():
    section = {
        "random_contrst": {},
        "random_flip": {"mode": "left", "change_rate": -1},
        "random_crop": {},
        "random_hue": {},
    }
    with pytest.raises(ConfigError) as caught:
        make_augmentation(section)
    assert caught.value.findings == validate_augmentation(section)
    assert [finding.split(":")[0] for finding in caught.value.findings] == [
        "data_augmentation.random_contrst",
        "data_augmentation.random_flip.mode",
        "data_augmentation.random_flip.change_rate",
        "data_augmentation.random_hue.delta",
    ]
