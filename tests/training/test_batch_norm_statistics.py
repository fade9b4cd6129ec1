"""Measured statistics are those of all pixels together, and nothing else changes."""

import keras
import numpy as np
import pytest

from tinydet.training.batch_norm import reestimate_batch_norm, use_fused_batch_norm

layers = keras.layers


def build(dropout=0.0):
    keras.utils.set_random_seed(4)
    x = inputs = keras.Input((6, 8, 3))
    x = layers.Dropout(dropout)(x)
    x = layers.BatchNormalization(momentum=0.97, name="first")(x)
    x = layers.Conv2D(5, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.97, name="second")(x)
    return keras.Model(inputs, x)


@pytest.fixture
def batches():
    rng = np.random.default_rng(2)
    # Means that differ from batch to batch: the variance of means counts.
    return [rng.normal(i, 1 + i, (4, 6, 8, 3)).astype(np.float32) for i in range(3)]


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_statistics_are_those_of_all_pixels(batches, fused, dropout):
    model = build(dropout)
    if fused:
        use_fused_batch_norm(model)
    before = model.layers[-2].get_weights()[0].copy()
    reestimate_batch_norm(model, iter(batches))
    pixels = np.concatenate(batches).reshape(-1, 3).astype(np.float64)
    first = model.get_layer("first")
    np.testing.assert_allclose(first.moving_mean, pixels.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(first.moving_variance, pixels.var(axis=0), rtol=1e-4)
    np.testing.assert_array_equal(model.layers[-2].get_weights()[0], before)
    assert [layer.momentum for layer in (first, model.get_layer("second"))] == [0.97, 0.97]
    assert model.layers[1].rate == dropout


def test_one_batch_gives_the_output_of_training_mode(batches):
    """Deeper layers see what the layers before give with the statistics of the batch."""
    model = build()
    expected = np.array(model(batches[1], training=True))
    reestimate_batch_norm(model, [batches[1]])
    np.testing.assert_allclose(model(batches[1], training=False), expected, atol=2e-3)


def test_a_saved_and_loaded_network_is_measured_like_any_other(batches, tmp_path):
    model = build()
    keras.Model(model.inputs, model.outputs[0]).save(tmp_path / "saved.keras")
    loaded = keras.models.load_model(tmp_path / "saved.keras")
    for network in (model, loaded):
        reestimate_batch_norm(network, batches)
    for first, second in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_frozen_layers_keep_theirs(batches):
    model = build()
    model.get_layer("first").trainable = False
    reestimate_batch_norm(model, batches)
    assert np.array_equal(model.get_layer("first").moving_mean, np.zeros(3))
    assert not np.array_equal(model.get_layer("second").moving_mean, np.zeros(5))
