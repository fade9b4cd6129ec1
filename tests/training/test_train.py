"""Whole trainings of a small network: repeatable, resumable, and honest about what goes wrong."""

import csv
import dataclasses
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading

import h5py
import keras
import numpy as np
import pytest

from tinydet.config.detector_spec import AnchorSpec, load_detector_spec
from tinydet.data.augment import make_augmentation
from tinydet.errors import DataError, ModelFileError, UnsupportedError
from tinydet.model import build_detector
from tinydet.training import TrainingOptions, seed_everything, train
from tinydet.training.progress_bar import ProgressBar

pytestmark = pytest.mark.slow

EPOCHS, SEED = 4, 21
OPTIONS = TrainingOptions(
    EPOCHS,
    batch_size=3,
    optimizer="SGD",  # Adam keeps more per weight, and takes long to make a graph of
    optimizer_arguments={"learning_rate": 0.01, "momentum": 0.9},
    # No epoch is better by that much, so the patience runs out after epoch 2 and cuts the rate
    # for epoch 3: only a resumed run that knows the counter does so too.
    callbacks={
        "ReduceLROnPlateau": {
            "monitor": "val_loss",
            "patience": 2,
            "min_delta": 1e9,
            "factor": 0.5,
        },
        "EarlyStopping": {"monitor": "val_map", "patience": 50, "restore_best_weights": True},
    },
    validation_period=3,
    ema_momentum=0.8,
    batch_norm_batches=1,
    seed=SEED,
)
KILLED = """
import os, pickle, signal, sys
import keras
from tinydet.training import loop, seed_everything
arguments = pickle.loads(open(sys.argv[1], "rb").read())
draw_curves = loop.draw_curves
def draw_and_die(history, path):
    draw_curves(history, path)
    if len(history) == 3:
        os.kill(os.getpid(), signal.SIGKILL)  # best weights and table written, last weights not
loop.draw_curves = draw_and_die
model = keras.models.load_model(sys.argv[2])
seed_everything(arguments.pop("seed"))
loop.train(model, **arguments)
"""


@pytest.fixture
def arguments(make_samples, spec, augmentation):
    return {
        "spec": spec,
        "training": make_samples(8),
        "validation": make_samples(4, seed=9, folder="validation"),
        "augmentation": augmentation,
        "options": OPTIONS,
    }


@pytest.fixture
def run(arguments, build_small, tmp_path):
    """Train in a folder of this name; gives the result."""

    def train_there(name, model=None, **changes):
        model = model or build_small(SEED)
        return train(model, **{**arguments, **changes}, run_folder=tmp_path / name)

    return train_there


UNBROKEN = {}  # one run that many tests compare with


@pytest.fixture
def unbroken(arguments, build_small, tmp_path_factory):
    """Folder and result of a run from start to end."""
    if not UNBROKEN:
        folder = tmp_path_factory.mktemp("unbroken")
        UNBROKEN["run"] = folder, train(build_small(SEED), **arguments, run_folder=folder)
    return UNBROKEN["run"]


def table(folder):
    with (folder / "logs/metrics/train_metrics.csv").open() as file:
        return list(csv.DictReader(file))


def same_table(first, second):
    times = {"seconds", "images_per_second"}
    rows = [
        [{k: v for k, v in row.items() if k not in times} for row in t] for t in (first, second)
    ]
    return rows[0] == rows[1]


def weights(path):
    return [w.tobytes() for w in keras.models.load_model(path).get_weights()]


def assert_same_run(folder, expected_folder, result, expected):
    for name in ("best_model.keras", "last_model.keras"):
        assert weights(folder / "saved_models" / name) == weights(
            expected_folder / "saved_models" / name
        )
    assert same_table(table(folder), table(expected_folder))
    assert result.best_epoch == expected.best_epoch
    assert result.best_value == expected.best_value


def test_same_seed_and_data_same_result(run, tmp_path, unbroken):
    """Twice in a row, bit for bit; and another seed is another run."""
    second = run("second")
    assert_same_run(tmp_path / "second", unbroken[0], second, unbroken[1])
    other = dataclasses.replace(OPTIONS, seed=SEED + 1, epochs=1)
    run("third", options=other)
    assert not same_table(table(tmp_path / "third"), table(unbroken[0])[:1])


def interrupt_in_epoch(monkeypatch, epoch):
    before = ProgressBar.on_train_batch_end

    def interrupt(self, batch, logs=None):
        before(self, batch, logs)
        if int(self.model.optimizer.iterations) == 2 * epoch + 1:  # two steps an epoch
            raise KeyboardInterrupt

    monkeypatch.setattr(ProgressBar, "on_train_batch_end", interrupt)


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(run, tmp_path, monkeypatch, unbroken):
    """Ctrl-C in the middle of an epoch; dropout, patience and stale validation included."""
    with monkeypatch.context() as patch:
        interrupt_in_epoch(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            run("broken")
    assert len(table(tmp_path / "broken")) == 1
    result = run("broken")
    assert_same_run(tmp_path / "broken", unbroken[0], result, unbroken[1])
    rates = [float(row["lr"]) for row in table(tmp_path / "broken")]
    np.testing.assert_allclose(rates, [0.01, 0.01, 0.01, 0.005], rtol=1e-6)


def test_a_killed_process_leaves_a_run_that_goes_on(
    run, arguments, build_small, tmp_path, unbroken
):
    """SIGKILL between the best and the last weights; the epoch is done once more."""
    build_small(SEED).save(tmp_path / "start.keras")
    pickled = {**arguments, "run_folder": tmp_path / "killed", "seed": SEED}
    (tmp_path / "arguments.pickle").write_bytes(pickle.dumps(pickled))
    died = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path / "arguments.pickle", tmp_path / "start.keras"],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr[-2000:]
    assert len(table(tmp_path / "killed")) == 3
    result = run("killed")
    assert_same_run(tmp_path / "killed", unbroken[0], result, unbroken[1])
    leftovers = [p.name for p in (tmp_path / "killed").rglob("*.part*")]
    assert leftovers == []


@pytest.fixture
def finished(unbroken, tmp_path):
    """Name of a run that is through; a copy of the unbroken one."""
    shutil.copytree(unbroken[0], tmp_path / "finished")
    return "finished"


def test_a_finished_run_finishes_again_at_once(run, build_small, tmp_path, unbroken, finished):
    """Whatever the weights of the model it is given."""
    again = run(finished, build_small(SEED + 1))
    assert_same_run(tmp_path / finished, unbroken[0], again, unbroken[1])
    assert again.images_per_second == 0


def test_another_configuration_does_not_go_on(run, finished):
    with pytest.raises(ModelFileError, match="different settings"):
        run(finished, options=dataclasses.replace(OPTIONS, epochs=9))


def test_broken_weights_of_an_intact_state_are_one_line(run, tmp_path, finished):
    path = tmp_path / finished / "saved_models/last_weights.weights.h5"
    with h5py.File(path, "r+") as file:
        del file["layers/conv2d"]
    with pytest.raises(ModelFileError, match="cannot be loaded") as caught:
        run(finished)
    assert "\n" not in str(caught.value)


def test_what_a_run_leaves_behind(arguments, unbroken):
    """Names of the artefacts; models of plain Keras; TensorBoard with the learning rate."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder, result = unbroken
    saved = {path.name for path in (folder / "saved_models").iterdir()}
    assert saved == {
        "base_model.keras",
        "best_weights.weights.h5",
        "last_weights.weights.h5",
        "best_model.keras",
        "last_model.keras",
        "detector.json",
    }
    assert load_detector_spec(folder / "saved_models/detector.json") == arguments["spec"]
    assert (folder / "logs/metrics/training_curves.png").read_bytes()[:4] == b"\x89PNG"
    rows = table(folder)
    wanted = {"epoch", "loss", "lr", "val_loss", "val_mpre", "val_mrec", "val_map"}
    assert wanted <= set(rows[0])
    assert "learning_rate" not in rows[0]
    assert rows[0]["val_loss"] == rows[1]["val_loss"] != rows[2]["val_loss"]  # every third, first
    values = [float(row["val_map"]) for row in rows]
    assert result.best_value == max(values)
    assert result.best_epoch == values.index(max(values)) + 1
    tags = {}
    for part in ("train", "validation"):
        events = EventAccumulator(str(folder / "logs" / part))
        events.Reload()
        tags[part] = events.Tags()["tensors"]
    assert {"epoch_loss", "epoch_learning_rate"} <= set(tags["train"])
    assert {"epoch_loss", "epoch_map"} <= set(tags["validation"])


def test_saved_models_are_the_average_with_measured_statistics(unbroken, run, tmp_path):
    """And neither of the two touches the course of the training."""
    folder, _ = unbroken
    plain = dataclasses.replace(OPTIONS, ema_momentum=None, batch_norm_batches=0)
    run("plain", options=plain)
    for own, other in zip(table(folder), table(tmp_path / "plain"), strict=True):
        assert own["loss"] == other["loss"]
        assert own["val_loss"] != other["val_loss"]
    last, own = (
        keras.models.load_model(f / "saved_models/last_model.keras")
        for f in (folder, tmp_path / "plain")
    )
    with h5py.File(folder / "saved_models/last_weights.weights.h5") as file:
        kept = [file[f"tinydet_weight_average/{i}"][()] for i in range(len(last.weights))]
    for variable, average in zip(last.weights, kept, strict=True):
        assert np.array_equal(variable, average) != ("moving" in variable.path)
    # Not all differ: the predictors of a level that no object was matched to learn nothing.
    pairs = zip(last.weights, own.weights, strict=True)
    assert sum(not np.array_equal(*pair) for pair in pairs) > len(kept) / 2


@pytest.mark.usefixtures("without_graphs")
def test_an_unreadable_image_ends_training_with_its_name(run, arguments):
    """Not with what TensorFlow makes of it; the threads end."""
    broken = (*arguments["training"], *arguments["training"])
    broken[5].path.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"5\.png") as caught:
        run("broken", options=dataclasses.replace(OPTIONS, batch_size=1))
    assert "\n" not in str(caught.value)
    for thread in threading.enumerate():
        if thread.name.startswith("batches"):
            thread.join(300)
            assert not thread.is_alive()


@pytest.mark.usefixtures("without_graphs")
def test_one_image_without_objects(run, arguments):
    """Trains, and says by what the best epoch was chosen: there is no AP."""
    sample = arguments["training"][:1]
    options = dataclasses.replace(OPTIONS, epochs=1, callbacks={})
    result = run("one", training=sample, validation=sample, options=options)
    assert result.monitor == "val_loss"
    assert np.isfinite(result.best_value)
    assert run("none", training=sample, validation=(), options=options).monitor == "loss"


@pytest.mark.usefixtures("without_graphs")
def test_early_stopping_stops_for_good(run, tmp_path):
    """A run that a callback ended is not taken up again."""
    stopping = {"EarlyStopping": {"monitor": "loss", "min_delta": 1e9, "patience": 1}}
    options = dataclasses.replace(OPTIONS, callbacks=stopping)
    run("stopped", options=options)
    assert len(table(tmp_path / "stopped")) == 2
    run("stopped", options=options)
    assert len(table(tmp_path / "stopped")) == 2


def test_wrong_settings_are_refused_before_anything_is_written(run, tmp_path):
    with pytest.raises(UnsupportedError):
        run("wrong", options=dataclasses.replace(OPTIONS, optimizer="Adamant"))
    assert not (tmp_path / "wrong/saved_models/last_weights.weights.h5").exists()


@pytest.mark.usefixtures("without_graphs")
def test_the_real_network_with_the_published_recipe_and_frozen_layers(make_samples, spec, tmp_path):
    """One step: what is frozen stays to the bit, moving averages included; the rest moves."""
    seed_everything(SEED)
    model = build_detector(64, 96, 2, predictor_batch_norm=True, dropout=0.1)
    names = [layer.name for layer in model.layers]
    stop = names.index("block_12_add") + 1
    options = TrainingOptions(
        1, batch_size=2, recipe="published", frozen_layers=f"(:{stop})", optimizer="SGD"
    )
    before = {layer.name: [w.copy() for w in layer.get_weights()] for layer in model.layers}
    spec = spec.model_copy(update={"anchors": AnchorSpec(smallest=(0.2, 0.3))})
    result = train(model, spec, make_samples(2), (), make_augmentation(None), options, tmp_path)
    after = keras.models.load_model(result.last_model)
    moved = {}
    for layer in after.layers:
        if before[layer.name]:
            same = all(map(np.array_equal, before[layer.name], layer.get_weights()))
            moved[layer.name] = not same
        assert all(np.isfinite(w).all() for w in layer.get_weights())
    frozen = set(names[:stop])
    assert not any(moved[name] for name in moved if name in frozen)
    norms = [name for name in moved if name.endswith(("_bn", "_BN")) and name not in frozen]
    assert all(moved[name] for name in norms)
    # The predictors of a level that no object was matched to have no box to learn.
    assert all(moved[name] for name in moved if name not in frozen and "_box" not in name)
    assert any(moved[name] for name in moved if "_box_project" in name)
