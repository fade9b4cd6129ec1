"""Depthwise layers with the backend's own kernel are the same layers, and are saved as such."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from tinydet.backends import choose_backend
from tinydet.training.own_kernels import use_fast_depthwise


@pytest.fixture
def asked(monkeypatch):
    """What the backend is asked for, by strides; it answers with the convolution."""
    seen = []

    def depthwise(_self, inputs, kernel, strides, padding):
        seen.append((strides, padding))
        if strides == (2, 2):
            return None  # not here
        return ops.depthwise_conv(inputs, kernel[..., None], strides, padding)

    monkeypatch.setattr(type(choose_backend()), "depthwise", depthwise)
    return seen


def build():
    keras.utils.set_random_seed(2)
    x = inputs = keras.Input((12, 10, 3))
    x = layers.DepthwiseConv2D(3, activation="relu6", bias_initializer="normal")(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same")(x)
    x = layers.DepthwiseConv2D(2, depth_multiplier=2)(x)
    return keras.Model(inputs, layers.DepthwiseConv2D(2, dilation_rate=2)(x))


def test_the_same_outputs_and_a_plain_file(asked, tmp_path):
    images = np.random.default_rng(1).normal(0, 2, (2, 12, 10, 3)).astype(np.float32)
    plain, fast = build(), build()
    use_fast_depthwise(fast)
    expected = plain(images)
    assert asked == []
    np.testing.assert_allclose(fast(images), expected, rtol=1e-5, atol=1e-6)
    # The last two are more than a backend is asked for.
    assert asked == [((1, 1), "valid"), ((1, 1), "same"), ((2, 2), "same")]
    fast.save(tmp_path / "fast.keras")
    loaded = keras.models.load_model(tmp_path / "fast.keras")
    np.testing.assert_array_equal(loaded(images), expected)
    assert len(asked) == 3
