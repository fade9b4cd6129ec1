"""``tinydet quantize --type QAT`` from a float model and labelled images to the int8 file."""

import json

import pytest

from tests.quantization.small_float_network import HEIGHT, WIDTH, small_float_network
from tinydet.commands.quantize import quantize
from tinydet.config.detector_spec import AnchorSpec, DetectorSpec, PreprocessSpec
from tinydet.data.generate import CLASS_NAMES, generate_dataset

pytestmark = pytest.mark.slow


@pytest.fixture
def float_model(tmp_path):
    path = tmp_path / "float" / "best_model.keras"
    path.parent.mkdir()
    small_float_network(len(CLASS_NAMES)).save(path)
    spec = DetectorSpec(
        class_names=CLASS_NAMES,
        preprocess=PreprocessSpec(height=HEIGHT, width=WIDTH),
        anchors=AnchorSpec(smallest=(0.2, 0.3)),
    )
    spec.save(path.with_name("detector.json"))
    return path


@pytest.mark.usefixtures("without_graphs")
def test_training_on(tmp_path, float_model):
    """The operators of the real network are those of quantization/test_simulation.py."""
    data = generate_dataset(tmp_path / "data", images=20, seed=3)
    output = tmp_path / "int8"
    result = quantize(
        float_model,
        data,
        output,
        quantization_type="QAT",
        granularity="per_tensor",
        calibration="percentile",
        stratified=True,
        optimize=True,
        max_images=4,
        epochs=1,
    )
    assert result.path == output / "quantized_model.tflite"
    record = json.loads((output / "quantization.json").read_text())
    trained = record["quantization_aware_training"]
    assert trained["epochs"] == 1
    assert trained["best_epoch"] in (0, 1)
    assert record["agreement_with_int8"]["layers"]["largest_difference"] <= 1
    assert record["calibration"]["images"] == 4
