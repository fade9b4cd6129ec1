"""Rewrites of the float network leave what it computes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.quantization.float_networks import detector_like, images
from tinydet.inference.tflite_file import run_with_tensors
from tinydet.quantization.folded_network import OUTPUT_CHANNEL_AXIS, channel_maxima
from tinydet.quantization.optimization import optimize_weights
from tinydet.quantization.optimization.constant_channels import (
    channel_extremes,
    clear_constant_channels,
)
from tinydet.quantization.optimization.equalization import equalize, scalable_groups

GRANULARITIES = ("per_channel", "per_tensor")


def outputs(network, inputs):
    return [
        [tensor(t).copy() for t in network.logits_and_deltas]
        for tensor in run_with_tensors(network.content(), inputs)
    ]


def extremes_of(network, inputs):
    return channel_extremes(network, inputs, [layer.output for layer in network.convolutions])


def assert_same(found, wanted):
    for these, those in zip(found, wanted, strict=True):
        for one, other in zip(these, those, strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-4 * np.abs(other).max())


def log_spread(network, name):
    layer = next(layer for layer in network.convolutions if layer.name == name)
    axis = OUTPUT_CHANNEL_AXIS[layer.kind]
    maxima = channel_maxima(network.values(layer.kernel), axis)
    return float(np.std(np.log(maxima[maxima > 0])))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_equalization_leaves_the_function(seed):
    """On the images it has seen, up to float rounding, relu6 or not."""
    network, seen = detector_like(seed), images(seed)
    before = outputs(network, seen)
    factors = equalize(network, extremes_of(network, seen))
    assert_same(outputs(network, seen), before)
    assert max(factors.values()) > 1.5  # it did something


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_channels_at_the_edge_of_relu6_are_not_scaled(seed):
    network, seen = detector_like(seed, spread=2.0), images(seed)
    before, extremes = network.copy(), extremes_of(network, seen)
    equalize(network, extremes)
    for layer in network.convolutions:
        if layer.activation == "relu6":
            at_edge = extremes[layer.output][1] >= 6
            changed = network.values(layer.bias) != before.values(layer.bias)
            assert not (changed & at_edge).any()
            after = extremes_of(network, seen)[layer.output][1]
            assert (after[~at_edge] < 6).all()


def test_equalization_evens_out_the_weights():
    """Of a layer between linear ones, where no relu6 is in the way."""
    spreads = []
    for seed in range(8):
        network, seen = detector_like(seed), images(seed)
        before = log_spread(network, "smooth")
        equalize(network, extremes_of(network, seen))
        spreads.append(log_spread(network, "smooth") / before)
    assert np.mean(spreads) < 0.6


def test_tensors_along_an_add_are_scaled_together():
    groups = [
        ({p.name for p in group.producers}, {r.name for r in group.readers})
        for group in scalable_groups(detector_like(0))
    ]
    assert groups == [
        ({"stem"}, {"first"}),
        ({"first", "project"}, {"expand", "smooth"}),
        ({"expand"}, {"depthwise"}),
        ({"depthwise"}, {"project"}),
        ({"smooth"}, {"logits", "deltas"}),
    ]


@pytest.mark.parametrize("constant", [0.0, 2.5])
def test_constant_channels_lose_their_weights_and_nothing_else_changes(constant):
    """A channel whose huge weights relu6 cuts off, or that has no weights at all."""
    network, seen = detector_like(4), images(4)
    layer = next(layer for layer in network.convolutions if layer.name == "depthwise")
    kernel, bias = network.values(layer.kernel), network.values(layer.bias)
    kernel[..., 3] *= 500.0 if constant == 0 else 0.0
    bias[3] = -1e5 if constant == 0 else constant
    network.set_values(layer.kernel, kernel)
    network.set_values(layer.bias, bias)
    before = outputs(network, seen)
    cleared = clear_constant_channels(network, extremes_of(network, seen))
    assert cleared["depthwise"] >= 1
    assert_same(outputs(network, seen), before)
    assert not network.values(layer.kernel)[..., 3].any()
    assert network.values(layer.bias)[3] == pytest.approx(constant)
    reader = next(layer for layer in network.convolutions if layer.name == "project")
    assert network.values(reader.kernel)[..., 3].any() == (constant != 0)


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_both_together_leave_the_function(granularity):
    network, seen = detector_like(5), images(5)
    before = outputs(network, seen)
    record = optimize_weights(network, seen, granularity)
    assert_same(outputs(network, seen), before)
    assert ("largest_equalization_factor" in record) == (granularity == "per_tensor")
