"""A run as MLflow keeps it, beside the files of the run folder.

What goes wrong there is told and never ends a run.
"""

import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tinydet.config.files import write_text_atomically
from tinydet.notes import tell

RUN_FILE = "mlflow_run.txt"  # id of the MLflow run, so that a resumed run goes on in it
LONGEST_PARAMETER = 500  # characters, what every server takes
KEPT = ("config.yaml", "report.html", "tinydet.log", "logs/metrics", "evaluation")
MODELS = ("saved_models/best_model.keras", "saved_models/detector.json", "quantized_models")
Say = Callable[[str], None]


@contextmanager
def tracked(
    uri: str | None, project: str, run_folder: Path, parameters: Mapping[str, object], say: Say
) -> Iterator[None]:
    """Log what happens inside of the block to MLflow.

    Args:
        uri: Folder, database or server of MLflow; None logs nothing.
        project: Name of the experiment.
        run_folder: Of the run; its name is that of the MLflow run. Report, tables and models are
            logged when the block ends.
        parameters: Dotted key -> value.
        say: Told in one line what keeps MLflow from logging.
    """
    if uri is None:
        yield
        return
    if find_spec("mlflow") is None:
        remedy = "To log there: pip install 'tinydet[mlflow]'."
        say(f"mlflow.uri: MLflow is not installed, so nothing is logged to {uri}. {remedy}")
        yield
        return
    with _never_in_the_way(say):
        _start(uri, project, run_folder, parameters)
    status = "FAILED"
    try:
        yield
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        with _never_in_the_way(say):
            _end(run_folder, status)


@contextmanager
def tracked_apart(name: str) -> Iterator[None]:
    """Log what happens inside of the block to a run below the active one, if there is one."""
    mlflow = _active()
    with nullcontext() if mlflow is None else mlflow.start_run(run_name=name, nested=True):
        yield


def log_metrics(metrics: Mapping[str, Any], step: int | None = None) -> None:
    """Log numbers to the MLflow run that is active in this process, if there is one.

    Args:
        metrics: Name -> value; what is not finite is left out.
        step: Epoch, from 0; None for figures of the whole run.
    """
    mlflow = _active()
    if mlflow is None:
        return
    numbers = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
    with _never_in_the_way(tell):
        mlflow.log_metrics(numbers, step=step)


def _active() -> Any:
    mlflow = sys.modules.get("mlflow")
    return mlflow if mlflow is not None and mlflow.active_run() is not None else None


def _start(uri: str, project: str, run_folder: Path, parameters: Mapping[str, object]) -> None:
    if "://" not in uri:
        # A folder is what published files name; newer versions take it only when told so.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(project)
    file = run_folder / RUN_FILE
    known = file.read_text(encoding="utf-8").strip() if file.is_file() else None
    active = mlflow.start_run(run_id=known, run_name=None if known else run_folder.name)
    if known is None:
        write_text_atomically(file, active.info.run_id + "\n")
        texts = {key: str(value)[:LONGEST_PARAMETER] for key, value in parameters.items()}
        mlflow.log_params(texts)


def _end(run_folder: Path, status: str) -> None:
    mlflow = _active()
    if mlflow is None:
        return
    try:
        for name in (*KEPT, *MODELS):
            path = run_folder / name
            folder = str(Path(name).parent) if Path(name).parent != Path() else None
            if path.is_dir():
                mlflow.log_artifacts(str(path), name)
            elif path.is_file():
                mlflow.log_artifact(str(path), folder)
    finally:
        mlflow.end_run(status)


@contextmanager
def _never_in_the_way(say: Say) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a server that is gone, a full disk: MLflow lets all kinds through
        reason = " ".join(str(error).split())[:300]
        say(f"mlflow.uri: not logged ({type(error).__name__}: {reason})")
