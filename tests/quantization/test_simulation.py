"""What training rounds is what the int8 file rounds."""

import json

import numpy as np
import pytest

from tests.quantization.float_networks import detector_like, images
from tinydet.inference.tflite_file import constant, operator_name, parse_model
from tinydet.quantization import QuantizationOptions, quantize
from tinydet.quantization.analysis.layer_errors import match_tensors
from tinydet.quantization.converter import to_int8
from tinydet.quantization.folded_network import OUTPUT_CHANNEL_AXIS, along
from tinydet.quantization.ranges import calibrate_ranges

pytestmark = pytest.mark.slow
PIXELS = (-1.0, 1.0)
GRANULARITIES = ("per_channel", "per_tensor")


def prepared_network(seed, granularity):
    network, seen = detector_like(seed, spread=0.7), images(seed)
    ranges = calibrate_ranges(network, seen, "minmax", PIXELS)
    network.set_ranges(ranges)
    options = QuantizationOptions(granularity=granularity, output_type="int8", input_type="float")
    return network, ranges, to_int8(network, options, "network")


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_the_converter_keeps_ranges_and_rounds_weights_as_stated(granularity):
    """``scale = (high - low) / 255``; weights are ``round(w / (largest / 127))``, exactly."""
    network, ranges, content = prepared_network(3, granularity)
    model = parse_model(content)
    graph = model.subgraphs[0]
    tensors = match_tensors(network, content)
    assert set(tensors) == {layer.output for layer in network.layers}
    for tensor, int8 in tensors.items():
        low, high = ranges[tensor]
        scale = (high - low) / 255
        assert int8.scale == pytest.approx(scale, rel=1e-6)
        assert int8.zero_point + 128 == pytest.approx(-low / scale, abs=0.51)
    made_by = {int(op.outputs[0]): op for op in graph.operators}
    for layer in network.convolutions:
        operator = made_by[tensors[layer.output].index]
        assert operator_name(model, operator) == layer.kind
        codes = constant(model, graph.tensors[operator.inputs[1]]).astype(np.float64)
        kernel = network.values(layer.kernel)
        axis = OUTPUT_CHANNEL_AXIS[layer.kind]
        others = tuple(i for i in range(4) if i != axis)
        largest = np.abs(kernel).max(axis=others if granularity == "per_channel" else None)
        largest = np.broadcast_to(largest, kernel.shape[axis]).astype(np.float64)
        exact = kernel / along(largest / 127, axis, 4)
        assert np.abs(codes - exact).max() <= 0.5 + 1e-4
        assert np.abs(codes).max() == 127


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_the_rounded_network_computes_what_the_file_computes(granularity):
    """Every weight; every layer on the same inputs up to one step, nearly always exactly."""
    from tinydet.inference.tflite_file import run_with_tensors
    from tinydet.quantization.simulation.fake_quantization import (
        round_activation,
        round_kernel,
        round_mixed,
    )
    from tinydet.quantization.simulation.operators import activate, convolve, rearrange

    network, ranges, content = prepared_network(5, granularity)
    tensors = match_tensors(network, content)
    differences = []
    for codes in run_with_tensors(content, images(5)):
        for layer in network.layers:
            if layer.kind == "SOFTMAX" or any(t not in tensors for t in layer.inputs):
                continue
            real = [
                (codes(tensors[t].index).astype(np.float32) - tensors[t].zero_point)
                * np.float32(tensors[t].scale)
                for t in layer.inputs
            ]
            if layer.kernel is None:
                y = rearrange(layer, real, network.shape(layer.output))
            else:
                kernel = round_kernel(layer, network.values(layer.kernel), granularity)
                y = convolve(layer, real[0], kernel, network.values(layer.bias))
            mixed = layer.kind == "RESIZE_BILINEAR"
            rounding = round_mixed if mixed else round_activation
            y = np.asarray(rounding(activate(layer, y), *ranges[layer.output]))
            output = tensors[layer.output]
            found = np.round(y / output.scale) + output.zero_point
            difference = np.abs(found - codes(output.index))
            assert difference.max() <= 1, layer.name
            differences.append(np.mean(difference == 0))
    assert np.mean(differences) > 0.99


def test_the_model_survives_saving(tmp_path):
    import keras

    from tinydet.quantization.simulation.rounded_network import build_rounded_network

    network, ranges, _ = prepared_network(6, "per_tensor")
    model = build_rounded_network(network, ranges, "per_tensor", "m")
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    batch = np.concatenate(images(9))
    np.testing.assert_array_equal(np.asarray(again(batch)), np.asarray(model(batch)))


def test_what_is_learnt_goes_back_and_ranges_stay_valid():
    """Untrained nothing changes; trained weights and ends are those of the layers."""
    from tinydet.quantization.simulation.rounded_network import build_rounded_network, take_back

    network, ranges, _ = prepared_network(7, "per_channel")
    model = build_rounded_network(network, ranges, "per_channel", "m")
    copy = network.copy()
    learnt = take_back(model, copy)
    for tensor, ends in learnt.items():
        assert ends == pytest.approx(ranges[tensor], rel=1e-6)
    for layer in network.convolutions:
        np.testing.assert_allclose(
            copy.values(layer.kernel), network.values(layer.kernel), rtol=1e-6, atol=1e-9
        )
    batch = np.concatenate(images(7))
    target = np.asarray(model(batch)) + 0.3
    model.compile("adam", "mse")
    model.optimizer.learning_rate = 0.02
    model.fit(batch, target, epochs=12, batch_size=3, verbose=0)
    learnt = take_back(model, copy)
    relu6 = {layer.output for layer in network.layers if layer.activation == "relu6"}
    changed = 0
    for tensor, (low, high) in learnt.items():
        assert low <= 0 < high
        assert high <= 6 or tensor not in relu6
        changed += (low, high) != pytest.approx(ranges[tensor], rel=1e-3)
    assert changed > len(learnt) / 2


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_training_and_export(tmp_path, save_float_model, calibration_images, granularity):
    """The file gives what was trained: a few steps towards other outputs reach the int8 file."""
    path, spec = save_float_model(2)
    seen = {}

    def train(model, given_spec):
        from tinydet.data.images import read_image
        from tinydet.data.preprocess import preprocess, rescale

        assert given_spec.class_names == spec.class_names
        pixels = [preprocess(read_image(p), spec.preprocess) for p in calibration_images]
        batch = rescale(np.stack(pixels), spec.preprocess)
        target = np.array(model(batch))
        target[..., -4:] += 0.25  # every box moves
        model.compile("adam", "mse")
        model.optimizer.learning_rate = 0.003
        losses = model.fit(batch, target, epochs=15, batch_size=5, verbose=0).history["loss"]
        assert losses[-1] < 0.5 * losses[0]
        seen.update(target=target, outputs=np.asarray(model(batch)), images=np.stack(pixels))
        return {"steps": 30}

    options = QuantizationOptions(granularity=granularity)
    int8 = quantize(path, calibration_images, tmp_path / "out", train=train, options=options)
    record = json.loads((tmp_path / "out" / "quantization.json").read_text())
    assert record["quantization_aware_training"] == {"steps": 30}
    layers = record["agreement_with_int8"]["layers"]
    assert layers["largest_difference"] <= 1
    assert layers["equal"] > 0.98
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(int8))
    interpreter.allocate_tensors()
    (given,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    errors = []
    for number, image in enumerate(seen["images"]):
        interpreter.set_tensor(given["index"], image[None])
        interpreter.invoke()
        deltas = interpreter.get_tensor(output["index"])[0, :, 3:7]
        errors.append(np.abs(deltas - seen["outputs"][number][:, -4:]).mean())
    assert np.mean(errors) < 0.02  # 0.25 without training
