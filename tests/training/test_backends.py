"""The same start and batches give the same training on every backend that is installed."""

import dataclasses
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from tests.training.backend_steps import steps
from tinydet.backends import BACKENDS, choose_backend
from tinydet.errors import UnsupportedError
from tinydet.training import TrainingOptions, train
from tinydet.training.batches import TrainingBatches

SCRIPT = Path(__file__).with_name("backend_steps.py")
OPTIONS = TrainingOptions(
    1,
    batch_size=8,
    optimizer="AdamW",
    optimizer_arguments={"learning_rate": 0.002, "clipnorm": 10.0},
)
CHANGES = {
    "plain": {},
    "accumulated": {"accumulate": 4},
    "bfloat16": {"precision": "bfloat16"},
    "float16": {"precision": "float16"},
    "accumulated_float16": {"accumulate": 2, "precision": "float16"},
    "taught": {},  # by the network it starts from
}
# Relative difference of the losses: rounding of 32 bits, and of the first 16-bit layers.
TOLERANCES = {
    "plain": 1e-3,
    "accumulated": 1e-3,
    "bfloat16": 5e-3,
    "float16": 5e-3,
    "accumulated_float16": 5e-3,
    "taught": 1e-3,
}
NUM_STEPS = {"plain": 50}


@pytest.fixture
def batches(make_samples, spec, augmentation):
    made = TrainingBatches(make_samples(16), augmentation, spec.preprocess, batch_size=8, seed=1)
    return [made.batch(epoch, step) for epoch in range(25) for step in range(2)]


def tasks(model_path, spec, batches):
    return [
        {
            "model_path": model_path,
            "spec": spec,
            "batches": batches[: NUM_STEPS.get(name, 3)],
            "options": dataclasses.replace(OPTIONS, **changes),
            "taught": name == "taught",
        }
        for name, changes in CHANGES.items()
    ]


@pytest.mark.slow
def test_losses_of_the_first_steps_agree(build_small, batches, spec, tmp_path):
    """50 steps with the fused kernels of each, and some in parts and in 16 bits."""
    installed = [name for name, backend in BACKENDS.items() if backend.is_installed()]
    if len(installed) < 2:
        pytest.skip(f"only {installed[0]} is installed")
    build_small(dropout=0.0).save(tmp_path / "start.keras")
    spec.save(tmp_path / "detector.json")
    work = tasks(tmp_path / "start.keras", spec, batches)
    (tmp_path / "tasks").write_bytes(pickle.dumps(work))
    root = str(Path(__file__).parents[2])
    results = {}
    for name in installed:
        done = subprocess.run(
            [sys.executable, SCRIPT, tmp_path / "tasks"],
            env={**os.environ, "KERAS_BACKEND": name, "PYTHONPATH": root},
            check=True,
            capture_output=True,
        )
        results[name] = json.loads(done.stdout)
        assert {result["backend"] for result in results[name]} == {name}
        # No other framework was loaded; but TensorFlow itself loads JAX where it is installed.
        by_itself = [other for other in installed if (name, other) == ("tensorflow", "jax")]
        assert sorted(results[name][0]["foreign"]) == sorted([name, *by_itself])
    expected = results.pop(installed[0])
    for name, found in results.items():
        for change, one, other in zip(CHANGES, expected, found, strict=True):
            np.testing.assert_allclose(
                other["losses"], one["losses"], rtol=TOLERANCES[change], err_msg=f"{name} {change}"
            )


def without_batch_norm():
    """Anchors of the small network from one convolution: no statistics depend on the batch."""
    keras.utils.set_random_seed(3)
    x = inputs = keras.Input((64, 96, 3))
    x = layers.Conv2D(6, 3, strides=8, padding="same", activation="relu")(x)
    logits, deltas = [], []
    for level in range(5):
        if level:
            x = layers.DepthwiseConv2D(3, strides=2, padding="same")(x)
        for columns, levels in ((3, logits), (4, deltas)):
            levels.append(layers.Reshape((-1, columns))(layers.Conv2D(5 * columns, 1)(x)))
    parts = [layers.Concatenate(axis=1)(levels) for levels in (logits, deltas)]
    return keras.Model(inputs, layers.Concatenate(axis=2, name="out")(parts))


@pytest.mark.usefixtures("without_graphs")
@pytest.mark.parametrize("parts", [2, 4])
def test_a_batch_in_parts_is_the_batch(batches, spec, tmp_path, parts):
    """Gradient, clip and loss are those of the whole batch; its parts have few or no positives."""
    without_batch_norm().save(tmp_path / "start.keras")
    # The clip works on every step: one of each part would show.
    arguments = {"learning_rate": 0.02, "momentum": 0.9, "global_clipnorm": 0.5}
    options = dataclasses.replace(OPTIONS, optimizer="SGD", optimizer_arguments=arguments)
    whole, divided = (
        steps(tmp_path / "start.keras", spec, batches[:2], each)
        for each in (options, dataclasses.replace(options, accumulate=parts))
    )
    np.testing.assert_allclose(divided["losses"], whole["losses"], rtol=1e-5)
    for one, other in zip(whole["weights"], divided["weights"], strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-6)


@pytest.fixture
def run(build_small, make_samples, spec, augmentation, tmp_path):
    def train_there(**changes):
        options = dataclasses.replace(OPTIONS, **changes)
        samples = make_samples(8)
        return train(build_small(), spec, samples, (), augmentation, options, tmp_path / "run")

    return train_there


def test_parts_that_do_not_divide_the_batch(run):
    with pytest.raises(UnsupportedError, match=r"training\.accumulate: .*3 parts of 8 images"):
        run(accumulate=3)


class NoMemoryError(Exception):
    """What the backend raises in the place of its own error."""


@pytest.mark.usefixtures("without_graphs")
@pytest.mark.parametrize(
    ("room", "expected"),
    [(2, ["8 images", "2 at a time", "accumulate=4", "batch_size=2"]), (0, ["not even one"])],
)
def test_out_of_memory_says_what_would_fit(run, monkeypatch, room, expected):
    backend = choose_backend()
    monkeypatch.setattr(
        type(backend), "is_out_of_memory", lambda _, error: isinstance(error, NoMemoryError)
    )
    train_on_batch = keras.Model.train_on_batch

    def limited(model, images, rows):
        if len(images) > room:
            raise NoMemoryError
        return train_on_batch(model, images, rows)

    def fit(*_, **__):
        raise NoMemoryError

    monkeypatch.setattr(keras.Model, "train_on_batch", limited)
    monkeypatch.setattr(keras.Model, "fit", fit)
    with pytest.raises(UnsupportedError) as caught:
        run()
    assert all(text in str(caught.value) for text in expected), str(caught.value)
