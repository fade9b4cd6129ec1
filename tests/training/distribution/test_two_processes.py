"""Two processes that train together end with the weights of one that has the batch alone."""

import os
import pickle
import shutil
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest

from tinydet.data.augment import make_augmentation
from tinydet.training import TrainingOptions, seed_everything, train
from tinydet.training.distribution import Cluster

# Processes that wait for each other take long on a busy machine.
pytestmark = pytest.mark.slow

PROGRAM = """
import os, pickle, sys
from pathlib import Path
import keras
from tinydet.errors import TinydetError
from tinydet.training import loop, seed_everything, train
from tinydet.training.distribution import join, told_of_lost_processes
from tinydet.training.distribution.cluster import find_cluster
cluster = find_cluster(os.environ)
group = join(cluster)
arguments = pickle.loads(open(sys.argv[1], "rb").read())
seed_everything(arguments.pop("seed"))
model = keras.models.load_model(sys.argv[2])
draw_curves = loop.draw_curves
def draw_and_die(history, path):
    draw_curves(history, path)
    if len(history) == 3:
        os.kill(os.getpid(), 9)  # best weights and table written, last weights not
if len(sys.argv) > 4:
    loop.draw_curves = draw_and_die
try:
    with told_of_lost_processes(group):
        train(model, **arguments, run_folder=Path(sys.argv[3]))
except TinydetError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""
OPTIONS = TrainingOptions(
    3,
    batch_size=4,
    optimizer="SGD",
    # The clip works on every step: a clip before the sum would show.
    optimizer_arguments={"learning_rate": 0.05, "momentum": 0.9, "global_clipnorm": 0.3},
    callbacks={"ReduceLROnPlateau": {"monitor": "val_loss", "patience": 1, "min_delta": 1e9}},
    ema_momentum=0.9,
    batch_norm_batches=2,
    synchronized_batch_norm=True,
    seed=21,
)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture
def arguments(make_samples, spec):
    return {
        "spec": spec,
        "training": make_samples(10),
        "validation": make_samples(4, seed=9, folder="validation"),
        "augmentation": make_augmentation({"random_flip": {"mode": "horizontal"}}),
        "options": OPTIONS,
    }


@pytest.fixture
def first_model(tmp_path, build_small):
    """One file for all: Keras names the layers of a second model otherwise."""
    build_small(5, dropout=0.0).save(tmp_path / "start.keras")
    return tmp_path / "start.keras"


@pytest.fixture
def alone(arguments, first_model, tmp_path):
    """Folder of the run of one process, this one, with the whole batch."""
    seed_everything(5)
    train(keras.models.load_model(first_model), **arguments, run_folder=tmp_path / "alone")
    return tmp_path / "alone"


@pytest.fixture
def start(tmp_path, arguments, first_model):
    """Start the processes of one training; gives them, to be waited for."""

    def start_them(name, count, *, first_dies=False):
        (tmp_path / name).mkdir(exist_ok=True)
        pickled = tmp_path / name / "arguments.pickle"
        pickled.write_bytes(pickle.dumps({"seed": 5, **arguments}))
        addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(count))
        processes = []
        for index in range(count):
            environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "ignore"}
            environment["TF_CONFIG"] = Cluster(addresses, index).to_tf_config()
            command = [
                sys.executable,
                "-c",
                PROGRAM,
                pickled,
                first_model,
                tmp_path / name / f"{index}",
            ]
            if first_dies and index == 0:
                command.append("dies")
            processes.append(
                subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
            )
        return processes

    return start_them


def finish(processes):
    results = [(*process.communicate(), process.returncode) for process in processes]
    assert [code for *_, code in results] == [0] * len(results), results


def weights(folder, name="best_model.keras"):
    model = keras.models.load_model(folder / "saved_models" / name)
    return {variable.path: np.array(variable) for variable in model.weights}


def test_the_same_weights_as_one_process_with_the_whole_batch(start, alone, tmp_path):
    """Batch normalization, clipping, average and re-estimated statistics included; also where one
    process is lost in between. That ends the other one, and both go on: process 1 has nothing in
    its folder that counts, and is told where the run stands.
    """
    first, second = start("together", 2, first_dies=True)
    _, told = second.communicate()
    first.communicate()
    assert (first.returncode, second.returncode) == (-9, 1)
    last = told.strip().splitlines()[-1]
    assert last.startswith("ProcessGroupError: process 1 of 2: has lost another process")
    shutil.rmtree(tmp_path / "together" / "1")
    finish(start("together", 2))
    for name in ("best_model.keras", "last_model.keras"):
        expected = weights(alone, name)
        assert any(np.ptp(value) > 0.01 for value in expected.values())
        for index in range(2):
            found = weights(tmp_path / "together" / str(index), name)
            for path, value in expected.items():
                np.testing.assert_allclose(found[path], value, atol=2e-4, err_msg=path)
    logs = [
        (folder / "logs/metrics/train_metrics.csv").read_text().splitlines()
        for folder in (alone, tmp_path / "together/0", tmp_path / "together/1")
    ]
    columns = logs[0][0].split(",")
    for rows in zip(*(table[1:] for table in logs), strict=True):
        one, first, second = (dict(zip(columns, row.split(","), strict=True)) for row in rows)
        for name in ("loss", "val_loss", "val_map", "lr"):
            assert float(first[name]) == float(second[name])
            assert float(first[name]) == pytest.approx(float(one[name]), rel=1e-3)
