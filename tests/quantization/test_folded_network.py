"""The float file as a network that can be changed."""

import numpy as np
import pytest

from tests.quantization.float_networks import SCORES, detector_like, images
from tinydet.inference.tflite_file import parse_model, run_with_tensors


def test_layers_are_told_with_what_they_read():
    network = detector_like(1)
    by_name = {layer.name: layer for layer in network.layers}
    assert [layer.name for layer in network.convolutions] == [
        *("stem", "first", "expand", "depthwise", "project", "smooth", "logits", "deltas")
    ]
    assert by_name["expand"].activation == "relu6"
    assert by_name["project"].activation == "none"
    assert by_name["up"].inputs == (by_name["add"].output,)
    assert set(by_name["add"].inputs) == {by_name["first"].output, by_name["project"].output}
    readers = {layer.name for layer in network.readers(by_name["smooth"].output)}
    assert readers == {"logits", "deltas"}
    assert network.producer(by_name["smooth"].output) is by_name["smooth"]
    assert network.producer(network.input) is None
    logits, deltas = network.logits_and_deltas
    assert network.shape(logits)[-1] == SCORES
    assert network.shape(deltas)[-1] == 4


def test_changed_weights_and_ranges_are_in_the_content_and_the_copy_is_apart():
    network = detector_like(2)
    copy = network.copy()
    layer = network.convolutions[2]
    kernel = network.values(layer.kernel)
    network.set_values(layer.kernel, 2 * kernel)
    network.set_ranges({layer.output: (-1.5, 2.5)})
    np.testing.assert_array_equal(copy.values(layer.kernel), kernel)
    again = network.copy()
    np.testing.assert_array_equal(again.values(layer.kernel), 2 * kernel)
    parameters = parse_model(network.content()).subgraphs[0].tensors[layer.output].quantization
    assert (list(parameters.min), list(parameters.max)) == ([-1.5], [2.5])
    with pytest.raises(ValueError, match="does not take values of shape"):
        network.set_values(layer.kernel, kernel[:-1])


def test_every_inner_tensor_can_be_read():
    network = detector_like(3)
    for image, tensor in zip(
        images(3), run_with_tensors(network.content(), images(3)), strict=True
    ):
        np.testing.assert_array_equal(tensor(network.input), image)
        for layer in network.layers:
            values = tensor(layer.output)
            assert values.shape == network.shape(layer.output)
            if layer.activation == "relu6":
                assert values.min() >= 0
                assert values.max() <= 6
