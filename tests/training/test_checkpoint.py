"""A checkpoint is whole or not there, and gives back what it was given."""

import dataclasses
import errno
import json
import resource

import h5py
import keras
import numpy as np
import pytest

from tinydet.errors import ModelFileError, OutputError
from tinydet.training.checkpoint import (
    RestoreCallbacks,
    TrainingState,
    load_state,
    load_weights,
    remember,
    save_weights,
    start_or_resume,
)

STATE = TrainingState(
    "ab12",
    history=[{"epoch": 0, "loss": 2.5, "val_map": float("nan")}, {"epoch": 1, "loss": 1e-7}],
    best_value=0.25,
    best_epoch=1,
    callbacks=[{"wait": 3, "best": 0.125, "mode": "max"}, {}],
)


@pytest.fixture
def model():
    keras.utils.set_random_seed(3)
    built = keras.Sequential([keras.Input((40,)), keras.layers.Dense(500), keras.layers.Dense(2)])
    built.compile(optimizer="adam", loss="mse")
    built.optimizer.build(built.trainable_variables)
    return built


@pytest.fixture
def path(tmp_path):
    return tmp_path / "last_weights.weights.h5"


def values(model):
    return [np.array(v) for v in [*model.variables, *model.optimizer.variables]]


def scramble(model):
    for variable in [*model.trainable_variables, *model.optimizer.variables]:
        variable.assign(np.full(variable.shape, 3, variable.dtype))


def test_weights_optimizer_and_state_come_back(model, path):
    expected = values(model)
    save_weights(model, path, STATE)
    scramble(model)
    load_weights(model, path)
    for value, wanted in zip(values(model), expected, strict=True):
        np.testing.assert_array_equal(value, wanted)
    assert repr(load_state(path)) == repr(STATE)  # repr: nan is not equal to itself
    assert list(path.parent.iterdir()) == [path]


def test_a_long_history_fits(model, path):
    """Beyond the 64 KiB of an HDF5 attribute."""
    row = {f"metric_{i}": 0.123456789 * i for i in range(12)}
    state = TrainingState("f", history=[{"epoch": e, **row} for e in range(1000)])
    save_weights(model, path, state)
    assert load_state(path) == state
    load_weights(model, path)


def full_disk(_model, path, *_, **__):
    path.write_bytes(b"the beginning")
    raise OSError(errno.ENOSPC, "No space left on device")


def check_old_is_intact(model, path, expected):
    assert list(path.parent.iterdir()) == [path]
    scramble(model)
    load_weights(model, path)
    for value, wanted in zip(values(model), expected, strict=True):
        np.testing.assert_array_equal(value, wanted)
    assert load_state(path).epochs_done == 2


def test_a_full_disk_leaves_the_old_checkpoint(model, path, monkeypatch):
    save_weights(model, path, STATE)
    expected = values(model)
    scramble(model)
    with monkeypatch.context() as patch:
        patch.setattr(type(model), "save_weights", full_disk)
        with pytest.raises(OutputError, match="No space left"):
            save_weights(model, path, STATE)
    check_old_is_intact(model, path, expected)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # h5py's own
def test_a_file_that_may_not_grow_leaves_the_old_checkpoint(model, path):
    """As a full disk does it for real: HDF5 fails while it flushes."""
    save_weights(model, path, STATE)
    expected = values(model)
    scramble(model)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size // 2, before[1]))
    try:
        with pytest.raises(OutputError) as caught:
            save_weights(model, path, STATE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(caught.value)
    check_old_is_intact(model, path, expected)


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "no state", "strange state"])
def test_a_damaged_checkpoint_is_named_in_one_line(model, path, damage):
    save_weights(model, path, None if damage == "no state" else STATE)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:30_000])
    elif damage == "strange state":
        with h5py.File(path, "r+") as file:
            del file["tinydet_training_state"]
            file["tinydet_training_state"] = '{"colour": "red"}'
    elif damage != "no state":
        path.write_bytes(b"" if damage == "empty" else b"no weights")
    with pytest.raises(ModelFileError) as caught:
        start_or_resume(path, "ab12", "tensorflow")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_that_do_not_fit_are_named_in_one_line(model, path):
    save_weights(model, path, STATE)
    with h5py.File(path, "r+") as file:
        del file["layers/dense_1" if "layers/dense_1" in file else "layers/dense"]
    with pytest.raises(ModelFileError) as caught:
        load_weights(model, path)
    assert "\n" not in str(caught.value)


def test_going_on_needs_the_same_settings(model, path):
    assert start_or_resume(path, "other", "tensorflow").epochs_done == 0
    save_weights(model, path, STATE)
    assert start_or_resume(path, "ab12", "tensorflow").epochs_done == 2
    with pytest.raises(ModelFileError, match="different settings"):
        start_or_resume(path, "other", "tensorflow")


def test_going_on_needs_the_same_backend(model, path):
    save_weights(model, path, dataclasses.replace(STATE, backend="jax"))
    assert start_or_resume(path, "ab12", "jax").epochs_done == 2
    with pytest.raises(ModelFileError, match=r"backend jax.*torch.*general\.backend=jax"):
        start_or_resume(path, "ab12", "torch")


def test_a_run_from_before_there_was_a_choice_used_tensorflow(model, path):
    save_weights(model, path, STATE)
    with h5py.File(path, "r+") as file:
        state = json.loads(file["tinydet_training_state"][()])
        del state["backend"], file["tinydet_training_state"]
        file["tinydet_training_state"] = json.dumps(state)
    assert start_or_resume(path, "ab12", "tensorflow").epochs_done == 2


def test_callbacks_get_their_counters_back():
    """Keras resets them when training begins; the plain values come back after that."""
    first = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", mode="min", patience=4)
    first._set_monitor_op()  # as its first epoch does; turns the sign of min_delta around
    first.wait, first.best, first.cooldown_counter = 2, 0.5, 1
    second = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", mode="min", patience=4)
    remembered = remember([first])
    second.on_train_begin()
    RestoreCallbacks([second], remembered).on_train_begin()
    assert (second.wait, second.best, second.cooldown_counter) == (2, 0.5, 1)
    second._set_monitor_op()
    assert second.min_delta == first.min_delta
