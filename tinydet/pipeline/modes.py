"""Operation modes: which stages run, in which order."""

import shlex
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet import launch
from tinydet.backends import choose_backend
from tinydet.config.detector_spec import KERAS_SUFFIXES
from tinydet.config.files import make_folder, write_text_atomically
from tinydet.config.loader import load_config, resolved_yaml, written_values
from tinydet.config.schema import UserConfig
from tinydet.data.augment import validate_augmentation
from tinydet.data.dataset import DataPaths, data_paths
from tinydet.errors import ConfigError, DataError, ProcessGroupError, TinydetError
from tinydet.pipeline import datasets
from tinydet.pipeline.board_stages import (
    benchmark_stage,
    board_findings,
    deploy_stage,
    footprint_stage,
    unused_board_keys,
)
from tinydet.pipeline.detector_of import trained_otherwise
from tinydet.pipeline.devices import cluster_of
from tinydet.pipeline.network import require_conversion_tools, require_training_tools
from tinydet.pipeline.run_folder import CONFIG_FILE, SUMMARY_FILE, Run, RunLog, link_folders
from tinydet.pipeline.stages import compare_stage, evaluate_stage, predict_stage, quantize_stage
from tinydet.pipeline.train_stage import train_stage
from tinydet.result import Result, shown_path
from tinydet.tracking import tracked

if TYPE_CHECKING:
    from tinydet.evaluation import EvaluationResult

WORTH_REPORTING = ("saved_models/best_weights.weights.h5", "evaluation")


@dataclass(frozen=True)
class RunResult(Result):
    """What a run has left behind.

    Attributes:
        operation_mode: What it did.
        folder: The run folder.
        report: ``report.html``; None in a process that only helped to train.
        model: The model that came out last, or the one that was looked at; None as above.
        evaluation: Figures of each model that was measured, in order.
    """

    operation_mode: str
    folder: Path
    report: Path | None = None
    model: Path | None = None
    evaluation: "tuple[EvaluationResult, ...]" = ()

    def __str__(self) -> str:
        return f"\nReport: {shown_path(self.report)}" if self.report else ""

    def __fspath__(self) -> str:
        """The report, or the folder where there is none: a result can be opened as a path."""
        return str(self.report or self.folder)


def execute(config: UserConfig, *, run_folder: Path | None = None) -> RunResult:
    """Execute ``operation_mode`` and write the report.

    Args:
        config: From ``load_config``.
        run_folder: Where everything goes; None takes ``hydra.run.dir``.

    Returns:
        Models, figures and report.

    Raises:
        TinydetError: Whatever the user can correct. What cannot work at all (a missing file) is
            found before the folder is made.
        KeyboardInterrupt: Ctrl-C; its text says how to resume.
    """
    from tinydet.report import write_model_card, write_report

    if config.trains and config.training.resume_training_from is not None:
        return resume(_folder_of(Path(config.training.resume_training_from)))
    findings = [
        *validate_augmentation(config.data_augmentation),
        *missing_files(config),
        *board_findings(config),
    ]
    if findings:
        raise ConfigError(findings)
    _require_tools(config)
    cluster = cluster_of(config)
    if cluster is not None and cluster.index > 0:
        return _follow(config)
    folder = make_folder(Path(run_folder or config.run_folder))
    link_folders(config, folder)
    log = RunLog(folder)
    config = _with_seed(config, log)
    for note in filter(None, (trained_otherwise(config), unused_board_keys(config))):
        log.say(note)
    write_text_atomically(folder / CONFIG_FILE, resolved_yaml(config))
    try:
        project, values = config.general.project_name, written_values(config)
        with (
            tracked(config.mlflow.uri, project, folder, values, log.say),
            _followers(config, folder / CONFIG_FILE),
        ):
            result = _stages(Run(config, folder, log))
            write_text_atomically(folder / SUMMARY_FILE, result.to_json() + "\n")
            if config.trains or config.quantizes:
                write_model_card(folder)
            result = replace(result, report=write_report(folder))
    except KeyboardInterrupt:
        command = f"tinydet run --resume {shlex.quote(str(folder))}"
        raise KeyboardInterrupt(f"stopped. Resume with: {command}") from None
    except BaseException:
        if any((folder / result).exists() for result in WORTH_REPORTING):
            with suppress(TinydetError, OSError):  # never in place of the error that led here
                write_report(folder)
        raise
    log.note(str(result))  # the command prints it
    return result


def resume(run_folder: str | Path) -> RunResult:
    """Resume an interrupted run in its folder, with the configuration it was started with.

    Training continues after its last finished epoch; the later stages run as they would have.

    Args:
        run_folder: Folder of the run.

    Returns:
        Models, figures and report.

    Raises:
        DataError: The folder contains no run.
    """
    run_folder = Path(run_folder)
    config_file = run_folder / CONFIG_FILE
    if not config_file.is_file():
        raise DataError(
            run_folder,
            f"contains no {CONFIG_FILE}, so it is not a run",
            "Give the folder of a run.",
        )
    return execute(load_config(config_file).config, run_folder=run_folder)


def _folder_of(run_folder_or_file: Path) -> Path:
    """The run folder; older configurations name a file in its ``saved_models``."""
    if run_folder_or_file.is_file():
        return run_folder_or_file.parent.parent
    return run_folder_or_file


def missing_files(config: UserConfig) -> list[str]:
    """Inputs of the operation mode that do not exist, one sentence each."""
    named: dict[str, DataPaths | None] = {}
    if not config.trains or config.training.model is None:
        named["general.model_path"] = config.general.model_path
    named |= {f"dataset.{key}": path for key, path in datasets.used_paths(config).items()}
    return [
        f"{key}: {path} does not exist. Correct the path."
        for key, paths in named.items()
        for path in (() if paths is None else data_paths(paths))
        if not path.exists()
    ]


def _require_tools(config: UserConfig) -> None:
    """Settle the backend before anything loads Keras; what lacks shows before the training."""
    general = config.general
    if config.trains or Path(general.model_path or "").suffix in KERAS_SUFFIXES:
        wish = "training" if config.trains else "a Keras model"
        require_training_tools(wish, general.backend)
        if general.deterministic_ops:
            choose_backend().set_deterministic_environment()
    if config.quantizes:
        require_conversion_tools("quantization")


def _with_seed(config: UserConfig, log: RunLog) -> UserConfig:
    """A null seed is drawn once and written down: a resumed run must have the same."""
    trains_rounded = config.quantizes and config.quantization.quantization_type == "QAT"
    if config.general.global_seed is not None or not (config.trains or trains_rounded):
        return config
    import secrets

    seed = secrets.randbelow(2**31)
    log.say(f"Random seed: {seed} (general.global_seed={seed} repeats this run)")
    general = config.general.model_copy(update={"global_seed": seed})
    return config.model_copy(update={"general": general})


def _stages(current: Run) -> RunResult:
    config = current.config
    mode, folder = config.operation_mode, current.folder
    if mode == "prediction":
        model_path = Path(str(config.general.model_path))
        predict_stage(current, model_path)
        return RunResult(mode, folder, model=model_path)
    model_path = train_stage(current) if config.trains else Path(str(config.general.model_path))
    results = []
    if config.trains or config.evaluates:
        results.append(evaluate_stage(current, model_path))
    if config.quantizes:
        model_path = quantize_stage(current, model_path)
        if config.evaluates:
            results.append(evaluate_stage(current, model_path))
            compare_stage(current, *results)
    if config.benchmarks:
        benchmark_stage(current, model_path)
    elif config.quantizes:
        footprint_stage(current, model_path)
    if config.deploys:
        deploy_stage(current, model_path)
    return RunResult(mode, folder, model=model_path, evaluation=tuple(results))


def _followers(config: UserConfig, config_file: Path) -> AbstractContextManager[None]:
    """The other processes of ``general.processes``; none where the environment names processes."""
    count = config.general.processes
    if not config.trains or count == 1 or cluster_of(config) is not None:
        return nullcontext()
    from tinydet.training.distribution.cluster import Cluster

    command = [sys.executable, "-m", "tinydet.cli", "run", "--config", str(config_file)]
    return launch.followers(
        command, count, lambda addresses, index: Cluster(addresses, index).to_tf_config()
    )


def _follow(config: UserConfig) -> RunResult:
    """Train as one of the processes that only help: all results are those of the first one.

    Raises:
        ProcessGroupError: The seed is to be drawn: the processes would draw different ones.
    """
    if config.general.global_seed is None:
        found = "None with several processes"
        raise ProcessGroupError("general.global_seed", found, "Give a number.")
    with tempfile.TemporaryDirectory(prefix="tinydet_process_") as folder:
        train_stage(Run(config, Path(folder), RunLog(Path(folder), prints=False)))
        return RunResult(config.operation_mode, Path(folder))
