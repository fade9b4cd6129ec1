"""Every layout in use gives the scores and boxes that NumPy computes."""

from itertools import permutations

import numpy as np
import pytest

from tinydet.config.detector_spec import PreprocessSpec
from tinydet.errors import ModelFileError, UnsupportedError
from tinydet.inference import load_detector, read_facts

ALL_THREE = ("scores", "deltas", "anchors")


def decoded(deltas, anchors):
    """The definition of the box coder, corner by corner."""
    boxes = np.empty_like(deltas)
    for corner in range(4):
        side = anchors[:, corner % 2 + 2] - anchors[:, corner % 2]
        boxes[..., corner] = anchors[:, corner] + deltas[..., corner] * side
    return boxes


def check(recipe, path, images_u8, engine="litert"):
    """Compare with NumPy; a coded output may be off by half a step of its scale."""
    scores, boxes = load_detector(path, recipe.spec, engine=engine).outputs(images_u8)
    expected_scores, expected_deltas = recipe.expected(images_u8)
    is_float = recipe.output_type == "float"
    anchor_step = 0 if is_float or "anchors" not in recipe.outputs else recipe.codes["anchors"][0]
    delta_step = 0 if is_float else recipe.codes["deltas"][0]
    score_step = 0 if is_float else recipe.codes["scores"][0]
    assert scores.dtype == boxes.dtype == np.float32
    np.testing.assert_allclose(scores, expected_scores, atol=score_step / 2 + 1e-5)
    expected_boxes = decoded(expected_deltas, recipe.anchors)
    largest_side = 2 + 2 * anchor_step
    largest_delta = np.abs(expected_deltas).max()
    atol = delta_step / 2 * largest_side + anchor_step * (0.5 + largest_delta) + 1e-5
    np.testing.assert_allclose(boxes, expected_boxes, atol=atol)


@pytest.mark.parametrize("num_classes", [1, 3])
@pytest.mark.parametrize("engine", ["litert", "litert-ref"])
def test_joined_output(tiny_detector, images_u8, num_classes, engine):
    check(*tiny_detector(num_classes=num_classes), images_u8, engine)


@pytest.mark.parametrize("num_classes", [1, 3])
@pytest.mark.parametrize("output_type", ["float", "int8", "uint8"])
@pytest.mark.parametrize("outputs", [*permutations(ALL_THREE), *permutations(ALL_THREE[:2])])
def test_separate_outputs(tiny_detector, images_u8, outputs, output_type, num_classes):
    check(
        *tiny_detector(num_classes=num_classes, outputs=outputs, output_type=output_type), images_u8
    )


@pytest.mark.parametrize("outputs", permutations(ALL_THREE))
def test_dynamic_batch_with_tiled_anchors(tiny_detector, images_u8, outputs):
    check(*tiny_detector(num_classes=3, outputs=outputs, dynamic=True), images_u8)


@pytest.mark.parametrize(
    ("input_type", "input_code"),
    [
        ("uint8", (2 / 255, 128)),
        ("uint8", (0.011, 90)),  # not the step of the pixels
        ("uint8", (0.0, 0)),  # bare bytes
        ("int8", (2 / 255, -1)),
        ("int8", (0.013, -20)),
        ("float", (0.0, 0)),
    ],
)
def test_input_types(tiny_detector, images_u8, input_type, input_code):
    check(*tiny_detector(input_type=input_type, input_code=input_code), images_u8)


def test_unusual_rescaling(tiny_detector, images_u8):
    preprocess = PreprocessSpec(height=32, width=32, scale=1 / 90, offset=-1.3)
    check(*tiny_detector(preprocess=preprocess, input_code=(1 / 90, 117)), images_u8)


def test_fixed_batch_of_two_takes_any_number_of_images(tiny_detector, images_u8):
    recipe, path = tiny_detector(batch=2)
    assert len(images_u8) == 3
    check(recipe, path, images_u8)


def test_threads_give_the_same_result(tiny_detector, images_u8):
    from concurrent.futures import ThreadPoolExecutor

    recipe, path = tiny_detector()
    detector = load_detector(path, recipe.spec)
    expected = detector.outputs(images_u8)
    with ThreadPoolExecutor(4) as pool:
        for scores, boxes in pool.map(lambda _: detector.outputs(images_u8), range(40)):
            np.testing.assert_array_equal(scores, expected[0])
            np.testing.assert_array_equal(boxes, expected[1])


def test_anchors_of_the_recipe_must_fit(tiny_detector):
    recipe, path = tiny_detector(outputs=("scores", "deltas"))
    anchors = recipe.spec.anchors.model_copy(update={"aspect_ratios": (1.0, 2.0)})
    spec = recipe.spec.model_copy(update={"anchors": anchors})
    with pytest.raises(ModelFileError, match="has 115 anchors, but the anchor recipe gives 69"):
        load_detector(path, spec)


def test_other_input_size_is_refused(tiny_detector):
    recipe, path = tiny_detector()
    spec = recipe.spec.model_copy(update={"preprocess": PreprocessSpec(height=48, width=32)})
    with pytest.raises(ModelFileError, match=r"input is 1x32x32x3, but .* gives 1x48x32x3"):
        load_detector(path, spec)


def test_other_number_of_classes_is_refused(tiny_detector):
    _, path = tiny_detector(num_classes=2)
    other, _ = tiny_detector(num_classes=5)
    recipe, path = tiny_detector(num_classes=2)
    with pytest.raises(
        ModelFileError, match="This model has 2 classes: give that many class_names"
    ):
        load_detector(path, other.spec)
    assert recipe.spec.num_classes == 2


@pytest.mark.parametrize("size", [0, 6, 9, 100, 5000, 60000])
def test_truncated_file_is_one_line(tiny_detector, size):
    recipe, path = tiny_detector()
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ModelFileError) as error:
        load_detector(path, recipe.spec)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("scale", "offset"), [(127.5, -1.0), (1e-6, 0.0), (1 / 127.5, 500.0)])
def test_a_rescaling_that_leaves_no_picture_is_refused(tiny_detector, scale, offset):
    recipe, path = tiny_detector(
        preprocess=PreprocessSpec(height=32, width=32, scale=scale, offset=offset)
    )
    with pytest.raises(ModelFileError, match=r"make [12] of the 256 pixel values") as error:
        load_detector(path, recipe.spec)
    assert f"rescaling {scale:.6g} * pixel" in str(error.value)


def test_an_input_scale_that_leaves_no_picture_is_refused(tiny_detector):
    recipe, path = tiny_detector(input_code=(127.5, 0))
    with pytest.raises(ModelFileError, match=r"scale 127\.5, zero point 0"):
        load_detector(path, recipe.spec)


def test_all_that_does_not_fit_is_in_one_message(tiny_detector):
    _, path = tiny_detector(num_classes=2)
    other, _ = tiny_detector(
        num_classes=5, preprocess=PreprocessSpec(height=48, width=32, scale=127.5)
    )
    _, path = tiny_detector(num_classes=2)
    with pytest.raises(ModelFileError) as error:
        load_detector(path, other.spec)
    for found in ("its input is 1x32x32x3", "finds 2 classes, not 5", "of the 256 pixel values"):
        assert found in str(error.value)
    assert "\n" not in str(error.value)


def test_text_file_is_refused(tiny_detector):
    recipe, path = tiny_detector()
    path.write_text("this is no model")
    with pytest.raises(ModelFileError, match=r"is not a \.tflite file"):
        load_detector(path, recipe.spec)


def test_unknown_operator_is_named(tiny_detector):
    """Version 99 of an operator stands for any that the engine has no kernel for."""
    recipe, path = tiny_detector(operator_version=99)
    with pytest.raises(UnsupportedError, match="operator AVERAGE_POOL_2D with engine litert-ref"):
        load_detector(path, recipe.spec, engine="litert-ref")


@pytest.mark.parametrize("outputs", [ALL_THREE, ALL_THREE[::-1]])
def test_reference_kernels_run_what_they_lack_as_constants(tiny_detector, images_u8, outputs):
    """The reference kernels have the first version of TILE only, published files the third."""
    recipe, path = tiny_detector(outputs=outputs, dynamic=True, tile_version=3)
    check(recipe, path, images_u8)
    check(recipe, path, images_u8, "litert-ref")


def test_nothing_is_printed(tiny_detector, images_u8, capfd):
    recipe, path = tiny_detector()
    load_detector(path, recipe.spec).outputs(images_u8)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("input_type", "zero_point", "first"), [("uint8", 100, 0), ("int8", -28, -128)]
)
def test_the_rescaling_that_an_input_tells(tiny_detector, input_type, zero_point, first):
    """Code by code, what a pixel stands for."""
    _, path = tiny_detector(input_type=input_type, input_code=(1 / 100, zero_point))
    scale, offset = read_facts(path).rescaling
    pixels = np.arange(256)
    expected = (pixels + first - zero_point) / 100
    np.testing.assert_allclose(scale * pixels + offset, expected, atol=1e-5)


def test_a_float_input_tells_no_rescaling(tiny_detector):
    _, path = tiny_detector(input_type="float")
    assert read_facts(path).rescaling is None
