"""From a float model to a file that keeps the contract."""

import json
from itertools import permutations

import numpy as np
import pytest

from tinydet.config.detector_spec import PostprocessSpec, load_detector_spec
from tinydet.data.images import read_image
from tinydet.data.preprocess import preprocess, rescale
from tinydet.errors import DataError, ModelFileError, OutputError, UnsupportedError
from tinydet.inference import detect, load_detector
from tinydet.inference.tflite_file import pack_model, parse_model
from tinydet.quantization import QuantizationOptions, quantize
from tinydet.quantization.analysis import LAYER_REPORT_FILE, costliest, load_layer_report
from tinydet.quantization.contract import verify_quantized
from tinydet.quantization.ranges.network_outputs import OutputValues

CHOICES = [
    ("per_channel", "uint8", "float"),
    ("per_channel", "int8", "float"),
    ("per_channel", "float", "float"),
    ("per_channel", "uint8", "int8"),
    ("per_channel", "int8", "uint8"),
    ("per_tensor", "uint8", "float"),
    ("per_tensor", "float", "int8"),
]


def inputs_u8(paths, spec):
    return np.stack([preprocess(read_image(path), spec.preprocess) for path in paths])


def test_no_calibration_images(tmp_path, make_spec):
    with pytest.raises(DataError, match="no images are given"):
        quantize(tmp_path / "model.keras", [], tmp_path, spec=make_spec(1))


def test_rescaling_without_zero_is_refused(tmp_path, calibration_images, make_spec):
    spec = make_spec(1, scale=1 / 255, offset=0.5)
    with pytest.raises(UnsupportedError, match=r"range 0\.5 to 1\.5"):
        quantize(tmp_path / "model.keras", calibration_images, tmp_path, spec=spec)


def test_missing_and_foreign_models(tmp_path, calibration_images, make_spec):
    with pytest.raises(ModelFileError, match="there is no such file"):
        quantize(tmp_path / "gone.keras", calibration_images, tmp_path, spec=make_spec(1))
    (tmp_path / "model.tflite").write_bytes(b"x")
    with pytest.raises(ModelFileError, match=r"is not a \.tflite file"):
        quantize(tmp_path / "model.tflite", calibration_images, tmp_path, spec=make_spec(1))
    (tmp_path / "model.keras").write_text("text")
    with pytest.raises(ModelFileError, match=r"is not a \.keras file"):
        quantize(tmp_path / "model.keras", calibration_images, tmp_path, spec=make_spec(1))


def test_unwritable_output_folder(tmp_path, calibration_images, make_spec):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        quantize(tmp_path / "m.keras", calibration_images, tmp_path / "file", spec=make_spec(1))


@pytest.mark.slow
@pytest.mark.parametrize(("granularity", "input_type", "output_type"), CHOICES)
def test_every_choice_stays_close_to_float(
    tmp_path, save_float_model, calibration_images, granularity, input_type, output_type
):
    path, spec = save_float_model(3)
    options = QuantizationOptions(
        granularity=granularity, input_type=input_type, output_type=output_type
    )
    quantized = quantize(path, calibration_images, tmp_path / "out", options=options)
    images = inputs_u8(calibration_images, spec)
    scores, boxes = load_detector(path).outputs(images)
    int8_scores, int8_boxes = load_detector(quantized).outputs(images)
    assert np.abs(scores - int8_scores).mean() < 0.02
    assert np.abs(boxes - int8_boxes).mean() < 0.02
    assert np.std(scores) > 0.1  # the network says something
    record = json.loads((tmp_path / "out" / "quantization.json").read_text())
    assert record["options"]["granularity"] == granularity
    assert record["calibration"]["images"] == len(calibration_images)
    assert record["size_bytes"] == quantized.stat().st_size
    saved = load_detector_spec(tmp_path / "out" / "detector.json")
    assert saved.class_names == spec.class_names
    assert saved.provenance["quantization"]["output_type"] == output_type
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "detector.json",
        "quantization.json",
        "quantized_model.tflite",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [1, 2, 3])
def test_published_contract_and_detections(
    tmp_path, save_float_model, calibration_images, num_classes, capfd
):
    path, _ = save_float_model(num_classes)
    capfd.readouterr()
    quantized = quantize(path, calibration_images, tmp_path / "out")
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(quantized))
    (image,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (image["shape"].tolist(), image["dtype"]) == ([1, 64, 96, 3], np.uint8)
    num_anchors = 5 * (8 * 12 + 4 * 6 + 2 * 3 + 1 * 2 + 1 * 1)
    assert output["shape"].tolist() == [1, num_anchors, 8 + num_classes + 1]
    assert output["dtype"] == np.float32
    share = share_found_again(load_detector(path), load_detector(quantized), calibration_images)
    assert share >= 0.95


def share_found_again(float_detector, int8_detector, paths):
    """Of the best float detections, those the int8 model sees: same class, edges within 0.03."""
    best = PostprocessSpec(score_threshold=0.5, max_detections=10)
    loose = PostprocessSpec(score_threshold=0.3, max_detections=2000, nms_iou_threshold=0.95)
    again = []
    for path in paths:
        picture = read_image(path)
        wanted = detect(float_detector, picture, best)
        found = detect(int8_detector, picture, loose)
        for box, class_id in zip(wanted.boxes, wanted.class_ids, strict=True):
            distance = np.abs(found.boxes[found.class_ids == class_id] - box).max(axis=1)
            again.append((distance < 0.03).any())
    assert len(again) > 20
    return np.mean(again)


@pytest.mark.slow
def test_broken_contracts_are_named(tmp_path, save_float_model, calibration_images, make_spec):
    path, spec = save_float_model(2)
    quantized = quantize(path, calibration_images, tmp_path / "out")
    content, options = quantized.read_bytes(), QuantizationOptions()
    image = inputs_u8(calibration_images[:1], spec)[0]

    def complaint(change, spec=spec, options=options):
        model = parse_model(content)
        change(model, model.subgraphs[0])
        broken = tmp_path / "broken.tflite"
        broken.write_bytes(pack_model(model))
        with pytest.raises(ModelFileError) as error:
            verify_quantized(broken, spec, options, image, broken)
        return str(error.value)

    def nothing(_model, _graph):
        pass

    def moved_anchor(model, graph):
        tensor = graph.tensors[graph.operators[-1].inputs[-1]]
        data = np.array(model.buffers[tensor.buffer].data)
        data[2] ^= 64
        model.buffers[tensor.buffer].data = data

    def other_zero_point(_model, graph):
        graph.tensors[graph.inputs[0]].quantization.zeroPoint = [3]

    def float_inside(_model, graph):
        graph.tensors[graph.operators[3].outputs[0]].type = 0

    def dynamic(_model, graph):
        graph.tensors[graph.inputs[0]].shapeSignature = np.array([-1, 64, 96, 3], np.int32)

    assert "its anchors are not those" in complaint(moved_anchor)
    assert "zero point 3, which is not the rescaling" in complaint(other_zero_point)
    assert "is FLOAT32, not int8" in complaint(float_inside)
    assert "is dynamic" in complaint(dynamic)
    int8 = QuantizationOptions(output_type="int8")
    assert "instead of int8" in complaint(nothing, options=int8)
    assert "the outputs are" in complaint(nothing, spec=make_spec(3))
    assert "not the rescaling" in complaint(nothing, spec=make_spec(2, scale=1 / 255, offset=0.0))


PARTS = ("scores", "deltas", "anchors")


@pytest.fixture(scope="module")
def two_and_three_outputs(save_float_model, calibration_images, tmp_path_factory):
    """Our file with two outputs, the published layout with ``PARTS``, and their specification."""
    path, spec = save_float_model(3)
    options = QuantizationOptions(output_type="int8")
    with pytest.MonkeyPatch.context() as patch:
        # The converter's own calibration, of the published file, covers all logits.
        patch.setattr(OutputValues, "logit_range", lambda _self, whole: whole)
        folder = tmp_path_factory.mktemp("two")
        two_outputs = quantize(path, calibration_images, folder, options=options)
    return two_outputs, convert_published(path, spec, calibration_images), spec


@pytest.mark.slow
@pytest.mark.parametrize("order", permutations(range(len(PARTS))))
def test_published_three_output_layout(tmp_path, two_and_three_outputs, calibration_images, order):
    """Three outputs in any order, dynamic batch, anchors from TILE: the same scores and boxes."""
    two_outputs, content, spec = two_and_three_outputs
    model = parse_model(content)
    graph = model.subgraphs[0]
    graph.outputs = [graph.outputs[part] for part in order]
    published = tmp_path / "published.tflite"
    published.write_bytes(pack_model(model))
    images = inputs_u8(calibration_images, spec)
    scores, boxes = load_detector(two_outputs, spec).outputs(images)
    published_scores, published_boxes = load_detector(published, spec).outputs(images)
    np.testing.assert_allclose(published_scores, scores, atol=2 / 256)
    assert np.abs(published_boxes - boxes).max() < 0.05  # its anchors are rounded to int8
    assert np.abs(published_boxes - boxes).mean() < 0.01


def convert_published(path, spec, calibration_images):
    """As the published files are made: converter only, everything in int8."""
    import warnings

    import keras
    import tensorflow as tf

    from tinydet.inference.decoding import spec_anchors
    from tinydet.model.network import split_outputs

    model = split_outputs(keras.models.load_model(path))
    anchors = spec_anchors(spec)[None]

    def network(image):
        logits, deltas = model(image, training=False)
        tiled = tf.tile(tf.constant(anchors), [tf.shape(image)[0], 1, 1])
        outputs = {"scores": tf.nn.softmax(logits), "deltas": deltas, "anchors": tiled}
        return tuple(tf.identity(outputs[name]) for name in PARTS)

    image = tf.TensorSpec((None, *spec.input_size, 3), tf.float32)
    graph = tf.function(network, autograph=False).get_concrete_function(image)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], model)
    converter.experimental_lower_to_saved_model = False
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type, converter.inference_output_type = tf.uint8, tf.int8
    inputs = inputs_u8(calibration_images, spec)
    inputs[0, 0, 0], inputs[0, -1, -1] = 0, 255
    converter.representative_dataset = lambda: (
        [rescale(one[None], spec.preprocess)] for one in inputs
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return converter.convert()


def noise_of(path, float_path, images):
    scores, boxes = load_detector(float_path).outputs(images)
    int8_scores, int8_boxes = load_detector(path).outputs(images)
    return np.square(scores - int8_scores).mean() + np.square(boxes - int8_boxes).mean()


@pytest.mark.slow
@pytest.mark.parametrize("granularity", ["per_channel", "per_tensor"])
def test_optimization_lowers_the_error(tmp_path, save_float_model, calibration_images, granularity):
    """Also on images that calibration has not seen; and the report names every layer."""
    noise = {}
    for optimize in (False, True):
        path, spec = save_float_model(2, seed=8)
        options = QuantizationOptions(granularity=granularity, optimize=optimize, max_images=5)
        out = tmp_path / f"{optimize}"
        quantized = quantize(path, calibration_images[:5], out, options=options, report=True)
        noise[optimize] = noise_of(quantized, path, inputs_u8(calibration_images[5:], spec))
        layers = load_layer_report(out / LAYER_REPORT_FILE)
        assert sum(layer.cost_share for layer in layers) == pytest.approx(1, abs=1e-3)
        assert sum(layer.operator.endswith("CONV_2D") for layer in layers) == 3 + 4 + 10
        record = json.loads((out / "quantization.json").read_text())
        assert ("optimization" in record) == optimize
    assert noise[True] < noise[False]


@pytest.mark.slow
def test_dead_channels_with_huge_weights_are_found_and_cleared(
    tmp_path, save_float_model, calibration_images
):
    """What spoils per-tensor models: the report names the layer, optimize brings it back."""
    import keras

    path, spec = save_float_model(2, seed=9)
    model = keras.models.load_model(path)
    layer = next(layer for layer in model.layers if "depthwise" in layer.name)
    kernel, bias = layer.get_weights()
    kernel[:, :, 4] *= 300.0
    bias[4] = -1e5
    layer.set_weights([kernel, bias])
    model.save(path)
    images = inputs_u8(calibration_images, spec)
    noise = {}
    for optimize in (False, True):
        options = QuantizationOptions(granularity="per_tensor", optimize=optimize)
        out = tmp_path / f"{optimize}"
        quantized = quantize(path, calibration_images, out, options=options, report=True)
        noise[optimize] = noise_of(quantized, path, images)
        report = load_layer_report(out / LAYER_REPORT_FILE)
        found = next(entry for entry in report if entry.name == layer.name)
        if not optimize:
            assert costliest(report, 1) == [found]
            assert found.weight_spread > 50
            assert found.dead_channels >= 1
        else:
            assert found.weight_spread < 20
    assert noise[True] < noise[False] / 20


@pytest.mark.slow
@pytest.mark.parametrize("granularity", ["per_channel", "per_tensor"])
def test_a_channel_without_weights_keeps_its_constant(
    tmp_path, save_float_model, calibration_images, granularity
):
    import keras

    path, spec = save_float_model(2, seed=10)
    model = keras.models.load_model(path)
    layer = next(layer for layer in model.layers if "depthwise" in layer.name)
    kernel, bias = layer.get_weights()
    kernel[:, :, 2], bias[2] = 0.0, 3.0
    layer.set_weights([kernel, bias])
    model.save(path)
    options = QuantizationOptions(granularity=granularity, optimize=True)
    quantized = quantize(path, calibration_images, tmp_path / "out", options=options)
    assert noise_of(quantized, path, inputs_u8(calibration_images, spec)) < 1e-3
