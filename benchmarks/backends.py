"""TensorFlow, JAX and PyTorch under the same training: agreement of the losses, speed, AP.

    python benchmarks/backends.py steps DATASET --python jax=PYTHON --python torch=PYTHON
    python benchmarks/backends.py ap DATASET --weights BACKBONE.h5 --work FOLDER --python ...

``steps``: the first training steps of the 192 px detector from one start (random weights, or with
``--start person_192`` those of a trained detector), with the optimizer of the configuration at the
learning rate ``--rate`` and the same batches; how far the losses are apart, and images per second
of processor time: of the steps, and of the steps together with the data pipeline (on one thread,
so that the figures also hold beside other work). For comparison TensorFlow trains once more with
every input off by one part in ten million: what rounding alone does. ``ap``: whole trainings of a
few epochs with several seeds each. Every backend runs in an interpreter of its own, this one if
none is named. What stands in the folder ``--work`` is not computed again; an interrupted training
goes on.
"""

import argparse
import contextlib
import csv
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from record import write_result

from tinydet.backends import BACKENDS

CONFIG = Path(__file__).parent.parent / "configs" / "coco_person_192_a035.yaml"
WARM_UP_STEPS = 2  # the first compiles
DISTURBANCE = 1e-7  # about the rounding of float32
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}


def main() -> None:
    """Measure one part and write results/backends_<part>.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("steps", "ap", *WORKERS))
    parser.add_argument("data", type=Path)
    parser.add_argument("--python", action="append", default=[], metavar="BACKEND=PYTHON")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--start", metavar="DETECTOR")
    parser.add_argument("--rate", type=float, default=0.002)
    parser.add_argument("--disturb", action="store_true")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--work", type=Path)
    parsed = parser.parse_args()
    if parsed.part in WORKERS:
        print(json.dumps(WORKERS[parsed.part](parsed)))
        return
    pythons = {"tensorflow": sys.executable, **dict(each.split("=", 1) for each in parsed.python)}
    figures = {"steps": steps, "ap": ap}[parsed.part](parsed, pythons)
    command = f"python benchmarks/backends.py {parsed.part} {parsed.data.name}"
    if parsed.part == "ap":
        command += f" --epochs {parsed.epochs} --seeds {parsed.seeds}"
    else:
        command += f" --batch-size {parsed.batch_size} --rate {parsed.rate}"
        command += f" --start {parsed.start}" if parsed.start else ""
    write_result(f"backends_{parsed.part}", command, figures)


def run_worker(part: str, parsed: argparse.Namespace, backend: str, python: str) -> Any:
    """What a part of this file prints in a process with this backend."""
    command = [python, __file__, part, parsed.data, "--work", parsed.work]
    command += ["--steps", str(parsed.steps), "--batch-size", str(parsed.batch_size)]
    command += ["--rate", str(parsed.rate)]
    command += ["--start", parsed.start] if parsed.start else []
    command += ["--disturb"] if parsed.disturb else []
    root = str(CONFIG.parent.parent)
    environment = {**os.environ, **ONE_THREAD, "KERAS_BACKEND": backend, "PYTHONPATH": root}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def steps(parsed: argparse.Namespace, pythons: dict[str, str]) -> dict[str, Any]:
    """Losses and speed of every backend from the same start and batches."""
    with contextlib.ExitStack() as stack:
        if parsed.work is None:
            parsed.work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        parsed.work.mkdir(exist_ok=True)
        if not (parsed.work / "task").exists():
            run_worker("start", parsed, "tensorflow", pythons["tensorflow"])
        rows = {name: kept_row(name, parsed, name, python) for name, python in pythons.items()}
        parsed.disturb = True
        python = pythons["tensorflow"]
        rows["tensorflow_disturbed"] = kept_row("disturbed", parsed, "tensorflow", python)
    rows["tensorflow_disturbed"]["version"] += f", inputs off by {DISTURBANCE:.0e}"
    expected = rows["tensorflow"]["losses"]
    for row in rows.values():
        apart = [abs(a - b) / b for a, b in zip(row["losses"], expected, strict=True)]
        row["largest_relative_difference"] = max(apart)
    return {
        "batch_size": parsed.batch_size,
        "threads": 1,
        "start": parsed.start or "random",
        "learning_rate": parsed.rate,
        "backends": rows,
    }


def kept_row(name: str, parsed: argparse.Namespace, backend: str, python: str) -> dict[str, Any]:
    """Figures of one training, which are kept in the work folder for the next call."""
    path = parsed.work / f"{name}.json"
    if not path.exists():
        row = run_worker("train", parsed, backend, python)
        path.write_text(json.dumps(row), encoding="utf-8")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    print(name, found, flush=True)
    return found


def worker_start(parsed: argparse.Namespace) -> None:
    """Write the network all of them start from, and their batches."""
    from tinydet.config.detector_spec import DetectorSpec
    from tinydet.config.loader import load_config
    from tinydet.data.augment import make_augmentation
    from tinydet.model import build_detector
    from tinydet.pipeline.datasets import load_training
    from tinydet.training import seed_everything
    from tinydet.training.batches import TrainingBatches

    environment = {**os.environ, "COCO": str(parsed.data)}
    config = load_config(CONFIG, ["training.model.pretrained_weights=None"], environment).config
    training, _ = load_training(config.dataset)
    spec = DetectorSpec(
        class_names=training.class_names,
        preprocess=config.preprocess_spec(),
        anchors=config.anchor_spec(),
    )
    seed_everything(1)
    model = build_detector(
        *spec.input_size,
        spec.num_classes,
        alpha=config.training.model.alpha,
        pretrained_weights=parsed.start,
    )
    model.save(parsed.work / "start.keras")
    batches = TrainingBatches(
        training.samples,
        make_augmentation(config.data_augmentation),
        spec.preprocess,
        batch_size=parsed.batch_size,
        seed=1,
        num_workers=1,
    )
    task = spec, batches, config.training.loss.given(), config.training
    (parsed.work / "task").write_bytes(pickle.dumps(task))


def worker_train(parsed: argparse.Namespace) -> dict[str, Any]:
    """Train some steps; ``seconds`` are of the processor."""
    import tinydet.model  # noqa: F401, I001 - first: chooses the backend
    import cv2
    import keras
    import numpy as np

    from tinydet.inference.decoding import spec_anchors
    from tinydet.training import TrainingOptions
    from tinydet.training.distribution import ProcessGroup
    from tinydet.training.losses import DetectionLoss
    from tinydet.training.model_setup import prepare

    cv2.setNumThreads(1)
    spec, batches, weighing, section = pickle.loads((parsed.work / "task").read_bytes())
    options = TrainingOptions(
        1,
        batch_size=parsed.batch_size,
        optimizer=section.optimizer_name,
        optimizer_arguments={**section.optimizer_arguments, "learning_rate": parsed.rate},
    )
    model = keras.models.load_model(parsed.work / "start.keras", compile=False)
    loss = DetectionLoss(spec_anchors(spec), anchors_per_object=4, **weighing)
    prepare(model, options, loss, ProcessGroup())
    losses, whole_s, step_s = [], 0.0, 0.0
    for index in range(parsed.steps):
        begin = time.process_time()
        images, rows = batches.batch(0, index % batches.steps_per_epoch)
        if parsed.disturb:
            signs = np.random.default_rng(index).choice([-1, 1], images.shape)
            images = np.asarray(images * (1 + DISTURBANCE * signs), np.float32)
        ready = time.process_time()
        losses.append(float(model.train_on_batch(images, rows)))
        if index >= WARM_UP_STEPS:
            whole_s += time.process_time() - begin
            step_s += time.process_time() - ready
    count = (parsed.steps - WARM_UP_STEPS) * parsed.batch_size
    return {
        "version": _version(keras.backend.backend()),
        "step_images_per_cpu_second": round(count / step_s, 1),
        "with_pipeline_images_per_cpu_second": round(count / whole_s, 1),
        "losses": [round(value, 6) for value in losses],
    }


def ap(parsed: argparse.Namespace, pythons: dict[str, str]) -> dict[str, Any]:
    """Validation AP after the last epoch of whole trainings, in percent, by backend and seed."""
    found: dict[str, list[float]] = {backend: [] for backend in pythons}
    for seed in range(123, 123 + parsed.seeds):
        for backend, python in pythons.items():
            folder = parsed.work / f"{backend}_{seed}"
            if not (folder / "run.json").is_file():  # the last that a run writes
                run_training(parsed, backend, python, seed, folder)
            with (folder / "logs" / "metrics" / "train_metrics.csv").open() as file:
                last = list(csv.DictReader(file))[-1]
            found[backend].append(round(100 * float(last["val_map"]), 2))
            print(backend, seed, found[backend][-1], flush=True)
    return {
        "epochs": parsed.epochs,
        "ap_percent": {
            backend: {
                "seeds": values,
                "mean": round(statistics.mean(values), 2),
                "deviation": round(statistics.stdev(values), 2) if len(values) > 1 else None,
            }
            for backend, values in found.items()
        },
    }


def run_training(
    parsed: argparse.Namespace, backend: str, python: str, seed: int, folder: Path
) -> None:
    """Train with one backend and seed, or go on where the training was interrupted."""
    schedule = "training.callbacks.LRWarmupCosineDecay"
    changes = [
        "operation_mode=training",
        f"general.backend={backend}",
        f"general.global_seed={seed}",
        f"training.epochs={parsed.epochs}",
        f"training.validation_period={parsed.epochs}",
        f"training.model.pretrained_weights={parsed.weights}",
        f"{schedule}.warmup_steps=1",
        f"{schedule}.decay_steps={parsed.epochs - 1}",
        f"hydra.run.dir={folder}",
    ]
    started = (folder / "saved_models" / "last_weights.weights.h5").exists()
    what = ["--resume", folder] if started else ["--config", CONFIG, *changes]
    environment = {**os.environ, "COCO": str(parsed.data)}
    environment["PYTHONPATH"] = str(CONFIG.parent.parent)
    subprocess.run([python, "-m", "tinydet.cli", "run", *what], env=environment, check=True)


def _version(backend: str) -> str:
    return f"{BACKENDS[backend].title} {__import__(backend).__version__}"


WORKERS = {"start": worker_start, "train": worker_train}

if __name__ == "__main__":
    main()
