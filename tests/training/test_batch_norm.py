"""The fused kernel computes what Keras' own batch normalization computes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tinydet.training.batch_norm import use_fused_batch_norm


def build():
    inputs = keras.Input((5, 7, 3))
    x = layers.Conv2D(4, 3, name="conv")(inputs)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name="bn")(x)
    return keras.Model(inputs, layers.ReLU()(x))


@pytest.fixture
def both():
    keras.utils.set_random_seed(2)
    plain = build()
    weights = [np.random.default_rng(6).uniform(0.4, 1.6, w.shape) for w in plain.get_weights()]
    plain.set_weights(weights)
    fused = keras.models.clone_model(plain)
    fused.set_weights(weights)
    use_fused_batch_norm(fused)
    return plain, fused


def step(model, images, training):
    with tf.GradientTape() as tape:
        outputs = model(images, training=training)
        value = tf.reduce_sum(outputs**2 * tf.range(4.0))
    gradients = tape.gradient(value, [v.value for v in model.trainable_variables])
    return outputs.numpy(), [g.numpy() for g in gradients], model.get_weights()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("batch", [1, 6])
def test_same_outputs_gradients_and_moving_statistics(both, training, frozen, batch):
    images = np.random.default_rng(1).normal(3, 2, (batch, 5, 7, 3)).astype(np.float32)
    results = []
    for model in both:
        model.get_layer("bn").trainable = not frozen
        before = model.get_weights()
        results.append(step(model, images, training))
        moved = any((a != b).any() for a, b in zip(before, results[-1][2], strict=True))
        assert moved == (training and not frozen)
    for plain, fused in zip(*results, strict=True):
        for expected, found in zip(plain, fused, strict=True):
            np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)


def test_the_saved_model_is_plain(both, tmp_path):
    """What is saved loads without this module and gives the same."""
    _, fused = both
    fused.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert "call" not in vars(loaded.get_layer("bn"))
    images = np.random.default_rng(1).normal(3, 2, (2, 5, 7, 3)).astype(np.float32)
    np.testing.assert_array_equal(loaded(images), fused(images))
