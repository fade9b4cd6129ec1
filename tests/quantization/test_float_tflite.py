"""A float .tflite as the source of quantization: the same network, whatever its outputs are."""

import numpy as np
import pytest

from tests.inference.conftest import SIDE_PX, TinyDetector
from tinydet.config.detector_spec import DETECTOR_FILE
from tinydet.errors import TinydetError
from tinydet.inference import load_detector
from tinydet.inference.tflite_file import run_with_tensors
from tinydet.quantization import quantize
from tinydet.quantization.float_tflite import load_float_tflite
from tinydet.quantization.prepared_network import read_float_network


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
