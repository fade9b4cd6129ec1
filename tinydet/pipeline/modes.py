"""Operation modes: which stages run, in which order."""

import json
import shlex
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinydet.config.files import make_folder, write_text_atomically
from tinydet.config.loader import load_config, resolved_yaml, written_values
from tinydet.config.schema import UserConfig
from tinydet.data.augment import validate_augmentation
from tinydet.errors import ConfigError, DataError, TinydetError
from tinydet.pipeline import datasets
from tinydet.pipeline.board_stages import benchmark_stage, deploy_stage, unknown_boards
from tinydet.pipeline.context import Run
from tinydet.pipeline.detector_of import trained_otherwise
from tinydet.pipeline.distribution import cluster_of, follow, processes_of_this_machine
from tinydet.pipeline.linked_folders import link_folders
from tinydet.pipeline.log import RunLog
from tinydet.pipeline.stages import compare_stage, evaluate_stage, predict_stage, quantize_stage
from tinydet.pipeline.train_stage import train_stage
from tinydet.tracking import tracked

CONFIG_FILE = "config.yaml"
SUMMARY_FILE = "run.json"
WORTH_REPORTING = ("saved_models/best_weights.weights.h5", "evaluation")


def run(config: UserConfig, *, run_folder: Path | None = None) -> Path:
    """Execute ``operation_mode`` and write the report.

    Args:
        config: From ``load_config``.
        run_folder: Where everything goes; None takes ``hydra.run.dir``.

    Returns:
        The report, ``report.html`` in the run folder. In a process that only helps to train: the
        folder it has worked in.

    Raises:
        TinydetError: Whatever the user can mend. What cannot work at all (a missing file) is
            found before the folder is made.
        KeyboardInterrupt: Ctrl-C; its text says how to go on.
    """
    from tinydet.report import write_model_card, write_report

    if config.trains and config.training.resume_training_from is not None:
        return resume(_folder_of(Path(config.training.resume_training_from)))
    findings = [
        *validate_augmentation(config.data_augmentation),
        *missing_files(config),
        *unknown_boards(config),
    ]
    if findings:
        raise ConfigError(findings)
    cluster = cluster_of(config)
    if cluster is not None and cluster.index > 0:
        return follow(config)
    folder = make_folder(Path(run_folder or config.run_folder))
    link_folders(config, folder)
    log = RunLog(folder)
    config = _with_seed(config, log)
    if (otherwise := trained_otherwise(config)) is not None:
        log.say(otherwise)
    write_text_atomically(folder / CONFIG_FILE, resolved_yaml(config))
    try:
        project, values = config.general.project_name, written_values(config)
        with (
            tracked(config.mlflow.uri, project, folder, values, log.say),
            processes_of_this_machine(config, folder / CONFIG_FILE),
        ):
            summary = _execute(Run(config, folder, log))
            write_text_atomically(folder / SUMMARY_FILE, json.dumps(summary, indent=2) + "\n")
            if config.trains or config.quantizes:
                write_model_card(folder)
            report = write_report(folder)
    except KeyboardInterrupt:
        command = f"tinydet run --resume {shlex.quote(str(folder))}"
        raise KeyboardInterrupt(f"stopped. Go on with: {command}") from None
    except BaseException:
        if any((folder / result).exists() for result in WORTH_REPORTING):
            with suppress(TinydetError, OSError):  # never in place of the error that led here
                write_report(folder)
        raise
    log.say(f"\nReport: {report.resolve()}")
    return report


def resume(run_folder: Path) -> Path:
    """Continue a killed run in its folder, with the configuration it was started with.

    Training goes on after its last finished epoch; the stages after it run as they would have.

    Args:
        run_folder: Folder of the run.

    Returns:
        The report.

    Raises:
        DataError: The folder holds no run.
    """
    run_folder = Path(run_folder)
    config_file = run_folder / CONFIG_FILE
    if not config_file.is_file():
        raise DataError(
            run_folder, f"holds no {CONFIG_FILE}, so it is no run", "Give the folder of a run."
        )
    return run(load_config(config_file).config, run_folder=run_folder)


def _folder_of(run_folder_or_file: Path) -> Path:
    """The run folder; older configurations name a file in its ``saved_models``."""
    if run_folder_or_file.is_file():
        return run_folder_or_file.parent.parent
    return run_folder_or_file


def missing_files(config: UserConfig) -> list[str]:
    """Inputs of the operation mode that do not exist, one sentence each."""
    named: dict[str, object] = {}
    if not config.trains or config.training.model is None:
        named["general.model_path"] = config.general.model_path
    named |= {f"dataset.{key}": path for key, path in datasets.used_paths(config).items()}
    return [
        f"{key}: {path} does not exist. Correct the path."
        for key, path in named.items()
        if path is not None and not Path(str(path)).exists()
    ]


def _with_seed(config: UserConfig, log: RunLog) -> UserConfig:
    """A null seed is drawn once and written down: a resumed run must have the same."""
    trains_rounded = config.quantizes and config.quantization.quantization_type == "QAT"
    if config.general.global_seed is not None or not (config.trains or trains_rounded):
        return config
    import secrets

    seed = secrets.randbelow(2**31)
    log.say(f"Seed drawn: {seed} (general.global_seed={seed} repeats this run)")
    general = config.general.model_copy(update={"global_seed": seed})
    return config.model_copy(update={"general": general})


def _execute(current: Run) -> dict[str, Any]:
    config = current.config
    summary: dict[str, Any] = {"operation_mode": config.operation_mode}
    if config.operation_mode == "prediction":
        predict_stage(current, Path(str(config.general.model_path)))
        return summary
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
    if config.deploys:
        deploy_stage(current, model_path)
    summary["evaluation"] = [
        {"model": result.model.name, "ap": {k: asdict(v) for k, v in result.ap.items()}}
        for result in results
    ]
    return summary
