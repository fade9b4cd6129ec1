"""16-bit steps learn what 32-bit steps learn, and leave 32-bit models behind."""

import keras
import numpy as np
import pytest

from tinydet.backends import Gpu, choose_backend
from tinydet.training.batch_norm import use_fused_batch_norm
from tinydet.training.precision import (
    choose_precision,
    full_precision,
    use_precision,
    with_loss_scale,
)

MIXED = ("bfloat16", "float16")


@pytest.fixture
def images():
    return np.random.default_rng(2).normal(size=(4, 64, 96, 3)).astype(np.float32)


@pytest.mark.parametrize("precision", MIXED)
def test_layers_compute_in_16_bits_and_outputs_in_32(build_small, images, precision):
    model = build_small()
    exact = model(images)
    use_precision(model, precision)
    mixed = model(images)
    assert mixed.dtype == "float32"
    assert {weight.dtype for weight in model.weights} == {"float32"}
    outputs = [layer.name for layer in model.layers if layer.dtype_policy.name == "float32"]
    assert model.layers[-1].name in outputs
    assert sum(isinstance(model.get_layer(name), keras.layers.Conv2D) for name in outputs) == 10
    assert model.layers[1].compute_dtype == precision
    difference = np.abs(np.array(exact) - np.array(mixed)).max()
    assert 0 < difference < 0.05 * np.abs(np.array(exact)).max()


@pytest.mark.parametrize("precision", MIXED)
def test_a_saved_model_is_a_plain_32_bit_one(build_small, images, tmp_path, precision):
    model = build_small()
    exact = np.array(model(images))
    use_precision(model, precision)
    with full_precision(model):
        model.save(tmp_path / "model.keras")
    assert model.layers[1].compute_dtype == precision
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert {layer.dtype_policy.name for layer in loaded.layers} == {"float32"}
    np.testing.assert_array_equal(np.array(loaded(images)), exact)


@pytest.mark.slow
def test_mixed_steps_follow_the_exact_ones(build_small, images):
    losses = {}
    for kind in ("none", *MIXED):
        model = build_small(dropout=0.0)
        use_fused_batch_norm(model)
        use_precision(model, kind)
        # Not Adam, whose graph takes longer to make than all steps together.
        optimizer = with_loss_scale(keras.optimizers.SGD(0.1, momentum=0.9), kind)
        model.compile(optimizer=optimizer, loss="mse", jit_compile=False)
        targets = np.ones(model.output_shape[1:], np.float32)[None].repeat(4, 0)
        losses[kind] = [float(model.train_on_batch(images, targets)) for _ in range(25)]
    assert losses["none"][-1] < 0.5 * losses["none"][0]
    # Loss scaling skips its first steps, until the scale is low enough.
    for kind in MIXED:
        assert losses[kind][-1] < 0.6 * losses["none"][0], kind
        assert np.isfinite(losses[kind]).all()


def test_auto_on_a_machine_without_a_gpu(monkeypatch):
    monkeypatch.setattr(type(choose_backend()), "gpus", lambda _: [])
    assert choose_precision("auto") == "none"
    assert [choose_precision(name) for name in ("none", *MIXED)] == ["none", *MIXED]


@pytest.mark.parametrize(
    ("capabilities", "chosen"),
    [
        ([(9, 0)], "bfloat16"),
        ([(8, 0), (7, 5)], "float16"),
        ([(7, 0)], "float16"),
        ([(6, 1)], "none"),
    ],
)
def test_auto_takes_what_the_slowest_gpu_is_fast_at(monkeypatch, capabilities, chosen):
    seen = [Gpu(str(capability), capability) for capability in capabilities]
    monkeypatch.setattr(type(choose_backend()), "gpus", lambda _: seen)
    assert choose_precision("auto") == chosen
    assert choose_precision("auto", "cpu") == "none"
