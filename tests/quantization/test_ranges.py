"""Ranges of the activations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.quantization.float_networks import detector_like, images
from tinydet.inference.tflite_file import run_with_tensors
from tinydet.quantization.ranges import calibrate_ranges
from tinydet.quantization.ranges.methods import (
    METHODS,
    Histogram,
    least_squares_range,
    percentile_range,
    rounding_error,
    whole_range,
)
from tinydet.quantization.ranges.network_outputs import OutputValues
from tinydet.quantization.ranges.shared import shared_ranges

PIXELS = (-1.0, 1.0)


def histogram_of(values):
    histogram = Histogram(float(values.min()), float(values.max()))
    for part in np.array_split(values, 3):
        histogram.add(np.float32(part))
    return histogram


def squared_error(values, low, high):
    """By rounding every value, without a histogram."""
    scale = (high - low) / 255
    zero_point = np.round(-low / scale)
    codes = np.clip(np.round(values / scale) + zero_point, 0, 255)
    return np.square((codes - zero_point) * scale - values).sum()


def heavy_tails(seed, is_cut):
    rng = np.random.default_rng(seed)
    values = rng.standard_t(3, 40_000).astype(np.float32) + rng.normal()
    return np.maximum(values, 0) if is_cut else values


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), is_cut=st.booleans(), method=st.sampled_from(sorted(METHODS)))
def test_every_range_contains_zero_and_lies_within_the_values(seed, is_cut, method):
    values = heavy_tails(seed, is_cut)
    low, high = METHODS[method](histogram_of(values))
    assert min(values.min(), 0) <= low <= 0 <= high <= max(values.max(), 0)
    assert low < high


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), is_cut=st.booleans())
def test_percentile_leaves_out_one_in_ten_thousand(seed, is_cut):
    values = heavy_tails(seed, is_cut)
    low, high = percentile_range(histogram_of(values))
    outside = np.mean((values < low) | (values > high))
    assert outside < 4e-4  # a bin more or less at each end
    assert high < values.max()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), is_cut=st.booleans())
def test_least_squares_beats_the_whole_range(seed, is_cut):
    values = heavy_tails(seed, is_cut)
    histogram = histogram_of(values)
    found = squared_error(values, *least_squares_range(histogram))
    whole = squared_error(values, *whole_range(histogram))
    assert found <= 1.02 * whole
    shares = np.linspace(0.2, 1, 25)
    low, high = whole_range(histogram)
    best = min(squared_error(values, low * a, high * b) for a in shares for b in shares)
    assert found <= 1.25 * best


def test_error_by_histogram_is_that_of_the_values():
    values = heavy_tails(1, is_cut=True)
    histogram = histogram_of(values)
    for high in (3.0, 6.0, float(values.max())):
        found = rounding_error(histogram.means, histogram.counts, (0.0, high))
        assert found == pytest.approx(squared_error(values, 0.0, high), rel=0.1)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_ranges_of_a_network(method):
    network, seen = detector_like(7), images(7)
    ranges = calibrate_ranges(network, seen, method, PIXELS)
    assert set(ranges) == {network.input, *(layer.output for layer in network.layers)}
    assert ranges[network.input] == PIXELS
    for group in shared_ranges(network):
        assert len({ranges[tensor] for tensor in group}) == 1
    runs = [
        {t: tensor(t).copy() for t in ranges}
        for tensor in run_with_tensors(network.content(), seen)
    ]
    by_name = {layer.name: layer.output for layer in network.layers}
    for name in ("expand", "project", "logits", "deltas"):
        values = np.concatenate([run[by_name[name]].ravel() for run in runs])
        whole = (min(0.0, float(values.min())), max(0.0, float(values.max())))
        low, high = ranges[by_name[name]]
        if method == "minmax" and name in ("expand", "project"):
            assert (low, high) == pytest.approx(whole, rel=1e-6)
        else:
            assert whole[0] <= low <= 0 <= high <= whole[1]
    assert ranges[by_name["scores"]] == (0.0, 255 / 256)


def test_a_tensor_of_zeros_has_a_range():
    network, seen = detector_like(8), images(8)
    layer = next(layer for layer in network.convolutions if layer.name == "expand")
    network.set_values(layer.bias, np.full_like(network.values(layer.bias), -1e4))
    ranges = calibrate_ranges(network, seen, "percentile", PIXELS)
    low, high = ranges[layer.output]
    assert low == 0 < high


def background_and_objects(seed, num_scores, images=4):
    """Logits of anchors that are sure of the background, but for one in fifty; and deltas."""
    rng = np.random.default_rng(seed)
    for _ in range(images):
        logits = rng.normal(-6, 2, (1, 600, num_scores)).astype(np.float32)
        logits[..., 0] *= -1
        objects = rng.random(600) < 0.02
        logits[0, objects] = rng.normal(0, 1, (objects.sum(), num_scores))
        deltas = rng.normal(0, np.where(objects, 0.5, 3.0)[:, None], (600, 4))
        yield logits, deltas.astype(np.float32)[None], objects


def score_error(logits, low, high):
    """What rounding the logits does to each score; scores by their definition."""
    scale = (high - low) / 255
    zero_point = np.round(-low / scale)
    rounded = (np.clip(np.round(logits / scale) + zero_point, 0, 255) - zero_point) * scale

    def scores(values):
        powers = np.exp(values.astype(np.float64))
        return (powers / powers.sum(-1, keepdims=True))[..., 1:]

    return np.abs(scores(rounded) - scores(logits))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), num_scores=st.sampled_from([2, 3, 8]))
def test_range_of_logits_gives_finer_scores_and_no_false_object(seed, num_scores):
    outputs = OutputValues()
    shown = list(background_and_objects(seed, num_scores))
    for logits, deltas, _ in shown:
        outputs.add(logits, deltas)
    logits = np.concatenate([logits for logits, *_ in shown])
    whole = (float(min(0, logits.min())), float(max(0, logits.max())))
    low, high = outputs.logit_range(whole)
    assert whole[0] <= low <= 0 <= high <= whole[1]
    found, before = score_error(logits, low, high), score_error(logits, *whole)
    assert np.square(found).sum() <= np.square(before).sum()
    assert found.max() < 1 / 16


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_range_of_deltas_is_that_of_anchors_with_a_score(seed):
    outputs = OutputValues()
    expected = [0.0]
    for logits, deltas, _ in background_and_objects(seed, 2):
        outputs.add(logits, deltas)
        score = 1 / (1 + np.exp(logits[..., 0] - logits[..., 1]))
        expected.extend(deltas[score >= 1 / 512].ravel())
    assert outputs.delta_range == pytest.approx((min(expected), max(expected)))


def test_without_any_score_the_deltas_keep_their_range():
    outputs = OutputValues()
    logits = np.zeros((1, 5, 2), np.float32)
    logits[..., 0] = 40
    outputs.add(logits, np.ones((1, 5, 4), np.float32))
    assert outputs.delta_range is None
    low, high = outputs.logit_range((0.0, 40.0))
    assert low == 0
    assert 6 < high <= 40
