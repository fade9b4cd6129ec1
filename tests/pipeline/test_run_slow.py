"""One small run, from images to the report, through the command line: stopped and gone on with.

The commands run in processes of their own, as for a user; what they print is part of the test.
"""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.docs.tutorials import follow_tutorials
from tinydet import cli
from tinydet.data.generate import CLASS_NAMES, generate_dataset
from tinydet.inference import read_facts

pytestmark = pytest.mark.slow

EPOCHS, IMAGES = 3, 40  # what an epoch costs are its files and pictures, not its steps
TIMEOUT_S = 1500  # only a run that hangs takes longer
# Anything of this on the terminal comes from a library.
NOISE = ("WARNING", "oneDNN", "cuda", "I0000", "W0000", "E0000", "Warning", "Traceback", "INFO:")
OVERRIDES = (
    f"training.epochs={EPOCHS}",
    "training.batch_size=4",
    "training.model.pretrained_weights=None",
    "training.model.size=small",  # TensorFlow takes long to make a graph of the standard one
    "training.model.head_depth=1",
    "training.optimizer={Adam: {learning_rate: 0.004, global_clipnorm: 10.0}}",
    "training.callbacks={}",
    "training.batch_norm_momentum=0.6",  # few steps: the averages must follow at once
    "data_augmentation={}",
    "evaluation.score_threshold=0.01",  # that of the validation while training
    "dataset.class_names=",
    "quantization.max_images=8",
)
# Runs commands that are separated by AND; its last line are the frameworks that it has loaded.
CHILD = """
import sys
from tinydet.cli import main
words, status = sys.argv[1:], 0
while words and not status:
    end = words.index("AND") if "AND" in words else len(words)
    status = main(words[:end])
    words = words[end + 1:]
print("LOADED", *[m for m in ("tensorflow", "keras") if m in sys.modules])
sys.exit(status)
"""


@dataclass(frozen=True)
class Shared:
    """The run that all tests look at."""

    data: Path
    folder: Path
    model: Path
    stopped: tuple[int, str, str]
    resumed: tuple[int, str, str]
    epochs_when_stopped: int


def tinydet(*words: object, cwd: Path | None = None) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def epochs_done(run: Path) -> int:
    try:
        with (run / "logs" / "metrics" / "train_metrics.csv").open() as file:
            return sum(1 for _ in file) - 1
    except OSError:
        return 0


def stop_after_an_epoch(run: Path, *words: str) -> tuple[int, str, str]:
    """Start a command and press Ctrl-C when the first checkpoint is there."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=run.parent,
    )
    deadline = time.monotonic() + TIMEOUT_S
    last_weights = run / "saved_models" / "last_weights.weights.h5"
    while not last_weights.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """chain_tqe on the training images, which are also validated on: it learns them by heart."""
    work = tmp_path_factory.mktemp("arbeit mit ü")
    data = generate_dataset(work / "bilder", images=IMAGES, seed=5, size_px=(192, 192)).parent
    images = data / "images" / "train"
    assert cli.main(["init", str(data), "--output", str(work / "user_config.yaml")]) == 0
    run = work / "ein lauf"
    paths = [f"dataset.validation_path={images}", f"hydra.run.dir={run.name}"]
    stopped = stop_after_an_epoch(run, "run", "--config", "user_config.yaml", *OVERRIDES, *paths)
    epochs = epochs_done(run)
    resumed = tinydet("run", "--resume", run.name, cwd=work)
    yield Shared(
        data, run, run / "quantized_models" / "quantized_model.tflite", stopped, resumed, epochs
    )
    shutil.rmtree(work)


def result_of(run: Path, stem: str) -> Any:
    return json.loads((run / "evaluation" / stem / "result.json").read_text())


def test_ctrl_c_says_how_to_go_on(shared: Shared) -> None:
    """Exit 130, one line after the progress, no traceback, nothing half-written."""
    status, _, err = shared.stopped
    assert status == 130, err
    *progress, last = err.splitlines()
    assert last == "tinydet: stopped. Resume with: tinydet run --resume 'ein lauf'"
    assert all(line.startswith("epoch ") for line in progress), err
    assert 1 <= shared.epochs_when_stopped < EPOCHS


def test_the_resumed_run_goes_on_where_it_stopped(shared: Shared) -> None:
    """Every epoch is there once, and only those that were missing were trained."""
    status, out, err = shared.resumed
    assert status == 0, err
    with (shared.folder / "logs" / "metrics" / "train_metrics.csv").open() as file:
        epochs = [int(row["epoch"]) for row in csv.DictReader(file)]
    assert epochs == list(range(epochs[0], epochs[0] + EPOCHS))
    assert f" of {EPOCHS} done in ein lauf: resuming at epoch " in out
    assert f"epoch   1/{EPOCHS}" not in err
    assert f"epoch {EPOCHS:3d}/{EPOCHS}" in err
    assert out.splitlines()[-2] == f"Report: {Path('ein lauf', 'report.html')}"


def test_nothing_of_a_library_reaches_the_terminal(shared: Shared) -> None:
    for _, out, err in (shared.stopped, shared.resumed):
        assert [line for line in (out + err).splitlines() if any(n in line for n in NOISE)] == []


@pytest.mark.parametrize(
    "path",
    [
        "config.yaml",
        "tinydet.log",
        "run.json",
        "report.html",
        "comparison.json",
        *(
            f"data/{part}/{file}"
            for part in ("train", "validation", "test")
            for file in ("check.json", "class_histogram.png", "box_sizes.png", "samples.png")
        ),
        *(
            f"saved_models/{name}"
            for name in (
                "base_model.keras",
                "best_weights.weights.h5",
                "last_weights.weights.h5",
                "best_model.keras",
                "last_model.keras",
                "detector.json",
            )
        ),
        "logs/metrics/train_metrics.csv",
        "logs/metrics/training_curves.png",
        *(
            f"quantized_models/{name}"
            for name in ("quantized_model.tflite", "detector.json", "quantization.json")
        ),
        *(
            f"evaluation/{stem}/{name}"
            for stem in ("best_model", "quantized_model")
            for name in (
                "result.json",
                "per_class.csv",
                "precision_recall.png",
                "confusion.png",
                "worst_images.png",
                "examples.json",
            )
        ),
        *(
            f"precision_vs_recall_curves/{stem}/{name}.png"
            for stem in ("best_model", "quantized_model")
            for name in CLASS_NAMES
        ),
    ],
)
def test_artefacts(shared: Shared, path: str) -> None:
    assert (shared.folder / path).stat().st_size > 0


def test_nothing_half_written_stays(shared: Shared) -> None:
    assert [path for path in shared.folder.rglob(".*") if ".part" in path.name] == []
    assert list(shared.folder.glob("logs/**/events.out.tfevents*"))


def test_the_report_shows_data_and_both_models(shared: Shared) -> None:
    text = (shared.folder / "report.html").read_text(encoding="utf-8")
    assert "int8" in text
    assert text.count("data:image/") > 5
    assert "best_model" in text
    assert "quantized_model" in text


def test_evaluation_agrees_with_the_validation_while_training(shared: Shared) -> None:
    """The .keras file evaluated gives the AP that training saw in its best epoch."""
    with (shared.folder / "logs" / "metrics" / "train_metrics.csv").open() as file:
        seen = [float(row["val_map"]) for row in csv.DictReader(file)]
    measured = result_of(shared.folder, "best_model")["ap"]["0.40"]["mean"]
    assert max(seen) > 0
    assert measured == pytest.approx(max(seen), abs=0.01)


def test_names_come_from_the_data_set(shared: Shared) -> None:
    for folder in ("saved_models", "quantized_models"):
        spec = json.loads((shared.folder / folder / "detector.json").read_text())
        assert spec["class_names"] == list(CLASS_NAMES)


def test_a_tflite_is_evaluated_and_run_without_tensorflow(shared: Shared, tmp_path: Path) -> None:
    """By commands and by modes of a run; the images of the run, all of them."""
    images = shared.data / "images" / "train"
    evaluate = ("evaluate", shared.model, "--data", images, "--output", tmp_path / "again")
    predict = ("predict", shared.model, images, "--output", tmp_path / "seen", "--score", "0.05")
    modes = ("evaluation", "prediction")
    evaluation, prediction = (
        (
            *("run", "--config", shared.folder.parent / "user_config.yaml"),
            f"operation_mode={mode}",
            f"general.model_path={shared.model}",
            f"prediction.test_files_path={shared.data / 'images' / 'val'}",
            f"hydra.run.dir={tmp_path / mode}",
        )
        for mode in modes
    )
    status, out, err = tinydet(*evaluate, "AND", *predict, "AND", *evaluation, "AND", *prediction)
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "LOADED"
    again = result_of(tmp_path / "again", "quantized_model")
    records = (tmp_path / "seen" / "predictions.jsonl").read_text().splitlines()
    assert len(records) == again["data"]["images"] == 32
    assert len(list((tmp_path / "seen").rglob("*.jpg"))) == 32
    for mode in modes:
        assert (tmp_path / mode / "report.html").is_file()
    assert (tmp_path / "prediction" / "predictions" / "predictions.jsonl").is_file()


def test_a_foreign_tflite_needs_only_names(
    shared: Shared, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without detector.json the names are the data's, which is said, or those that are given."""
    model = tmp_path / "quantized_model.tflite"
    shutil.copy(shared.model, model)
    words = ["evaluate", str(model), "--data", str(shared.data / "images" / "train")]
    words += ["--output", str(tmp_path / "out")]
    ours = result_of(shared.folder, "quantized_model")["coco"]["ap"]
    for names in ([], ["--classes", ", ".join(CLASS_NAMES)]):
        assert cli.main([*words, *names]) == 0
        assert ("class names of the data" in "".join(capsys.readouterr())) == (not names)
        found = result_of(tmp_path / "out", "quantized_model")
        assert found["class_names"] == list(CLASS_NAMES)
        assert found["coco"]["ap"] == pytest.approx(ours, abs=0.02)


def test_chain_eqe_with_raw_int8_outputs_per_tensor(
    shared: Shared, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "eqe"
    words = (
        "run",
        "--config",
        str(shared.folder / "config.yaml"),
        "operation_mode=chain_eqe",
        "training.model=",
        f"general.model_path={shared.folder / 'saved_models' / 'best_model.keras'}",
        "quantization.granularity=per_tensor",
        "quantization.quantization_input_type=int8",
        "quantization.quantization_output_type=int8",
        f"hydra.run.dir={run}",
    )
    status = cli.main(words)
    out, err = capfd.readouterr()
    assert status == 0, err
    assert not any(noise in out + err for noise in NOISE), out + err
    assert "Quantized (PTQ, per_tensor, " in out
    model = run / "quantized_models" / "quantized_model.tflite"
    assert read_facts(model).input_size == (192, 192)
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(model))
    assert interpreter.get_input_details()[0]["dtype"] == np.int8
    assert [o["dtype"] for o in interpreter.get_output_details()] == [np.int8, np.int8]
    float_again = result_of(run, "best_model")["ap"]["0.40"]["mean"]
    before = result_of(shared.folder, "best_model")["ap"]["0.40"]["mean"]
    assert float_again == pytest.approx(before, abs=1e-4)
    assert result_of(run, "quantized_model")["model"]["kind"] == "int8 tflite"


def test_a_tflite_that_is_no_detector_is_said(
    tmp_path: Path, shared: Shared, capsys: pytest.CaptureFixture[str]
) -> None:
    import tinydet.model  # noqa: F401 - loads the framework without its messages
    from tinydet.native_log import captured_native_log

    with captured_native_log():
        import tensorflow as tf

        graph = tf.function(lambda image: tf.reduce_mean(image, axis=(1, 2)))
        concrete = graph.get_concrete_function(tf.TensorSpec((1, 192, 192, 3), tf.float32))
        content = tf.lite.TFLiteConverter.from_concrete_functions([concrete], graph).convert()
    model = tmp_path / "classifier.tflite"
    model.write_bytes(content)
    words = [str(model), "--data", str(shared.data), "--classes", ",".join(CLASS_NAMES)]
    assert cli.main(["evaluate", *words, "--output", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"tinydet: {model}: ")
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_gpu_that_is_not_there_is_said(
    shared: Shared, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    words = ["train", str(shared.data), "--output", str(tmp_path / "run"), "general.device=gpu"]
    assert cli.main(words) == 2
    err = capsys.readouterr().err
    assert err.startswith("tinydet: general.device: gpu is not supported (supported: cpu, auto: ")
    assert err.count("\n") == 1


def test_tutorials_can_be_followed(
    shared: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notebook and the commands of docs/tutorials, on this run instead of one of their own."""
    follow_tutorials(shared.folder, tmp_path, monkeypatch)
