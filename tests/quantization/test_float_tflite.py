"""A float .tflite as the source of quantization: the same network, whatever its outputs are."""

import numpy as np
import pytest

from tests.inference.conftest import SIDE_PX, TinyDetector
from tests.inference.test_detector_metadata import model_maker_file
from tests.inference.test_post_processing import OPTIONS
from tinydet.compiler import compile_detector
from tinydet.config.detector_spec import DETECTOR_FILE
from tinydet.errors import TinydetError
from tinydet.inference import load_detector
from tinydet.inference.tflite_file import run_with_tensors
from tinydet.quantization import quantize
from tinydet.quantization.float_tflite import load_float_tflite
from tinydet.quantization.prepared_network import read_float_network
from tinydet.quantization.ranges.network_outputs import class_scores_of


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(
    "outputs", [("joined",), ("deltas", "anchors", "scores"), ("deltas", "scores")]
)
def test_scores_deltas_and_anchors_of_every_layout(outputs, dynamic, tmp_path):
    recipe = TinyDetector(num_classes=2, outputs=outputs, input_type="float", dynamic=dynamic)
    network, anchors = load_float_tflite(recipe.save(tmp_path / "m.tflite"), recipe.spec)
    np.testing.assert_array_equal(anchors, recipe.anchors)
    image_u8 = np.random.default_rng(4).integers(0, 256, (1, SIDE_PX, SIDE_PX, 3))
    real = (image_u8 * recipe.preprocess.scale + recipe.preprocess.offset).astype(np.float32)
    values = next(run_with_tensors(network.content(), [real]))
    scores, deltas = recipe.expected(image_u8)
    np.testing.assert_allclose(values(network.scores), scores, atol=1e-5)
    np.testing.assert_allclose(values(network.logits_and_deltas[1]), deltas, atol=1e-5)
    assert not {"TILE", "SHAPE", "CONCATENATION"} & {layer.kind for layer in network.layers}


def with_operator(**changes):
    return TinyDetector(
        num_classes=2,
        outputs=("operator",),
        operator=OPTIONS | {"num_classes": 2, "max_detections": 7},
        input_type="float",
        **changes,
    )


def test_what_an_operator_is_told_stays_with_the_network(tmp_path):
    recipe = with_operator()
    network, _ = load_float_tflite(recipe.save(tmp_path / "m.tflite"), recipe.spec)
    assert network.copy().told.options() == network.told.options()
    assert network.told.postprocess.max_detections == 7
    assert network.head.kind == "LOGISTIC"
    assert network.shape(network.scores) == (1, recipe.rows, 3)
    assert network.shape(network.logits_and_deltas[1]) == (1, recipe.rows, 4)


@pytest.mark.parametrize("background", [True, False])
def test_scores_of_classes_leave_the_background_out(tmp_path, background):
    recipe = with_operator(background=background)
    network, _ = load_float_tflite(recipe.save(tmp_path / "m.tflite"), recipe.spec)
    logits = np.float32([[5, -200, 0], [0, 1, 200]])[:, : 2 + background]
    expected = 1 / (1 + np.exp(-logits.astype(np.float64)[:, background:]))
    np.testing.assert_allclose(class_scores_of(network)(logits), expected, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("made_for", ["operator", "MediaPipe"])
def test_an_int8_file_with_the_operator(made_for, calibration_images, tmp_path):
    """It finds what the float file finds, and becomes C."""
    if made_for == "operator":
        recipe = with_operator()
        path = recipe.save(tmp_path / "m.tflite")
    else:
        recipe, path = model_maker_file(tmp_path, input_type="float")
    int8 = quantize(path, calibration_images, tmp_path / "int8", spec=recipe.spec)
    images = np.random.default_rng(0).integers(0, 256, (2, SIDE_PX, SIDE_PX, 3), np.uint8)
    made, source = (load_detector(p, recipe.spec).outputs(images) for p in (int8, path))
    np.testing.assert_allclose(made[0], source[0], atol=0.05)
    np.testing.assert_allclose(made[1], source[1], atol=0.05)
    assert compile_detector(int8).post_processing.num_classes == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_type": "uint8"}, "an input that is quantized"),
        ({"num_classes": 3}, "finds 3 classes"),
    ],
)
def test_other_files_are_refused_in_one_line(changes, message, tmp_path):
    recipe = TinyDetector(**({"num_classes": 2, "input_type": "float"} | changes))
    path = recipe.save(tmp_path / "m.tflite")
    with pytest.raises(TinydetError, match=message) as error:
        load_float_tflite(path, TinyDetector(num_classes=2).spec)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_the_same_int8_network_as_from_keras(save_float_model, calibration_images, tmp_path):
    keras_path, spec = save_float_model(2)
    network, _ = read_float_network(keras_path, spec)
    path = tmp_path / "float" / "m.tflite"
    path.parent.mkdir()
    path.write_bytes(network.content())
    spec.save(path.with_name(DETECTOR_FILE))
    made = [
        load_detector(quantize(source, calibration_images, tmp_path / name))
        for name, source in (("keras", keras_path), ("tflite", path))
    ]
    images = np.random.default_rng(0).integers(0, 256, (2, *spec.input_size, 3), np.uint8)
    for one, other in zip(*(detector.outputs(images) for detector in made), strict=True):
        np.testing.assert_array_equal(one, other)
