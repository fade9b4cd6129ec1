"""Operation modes: which stages run, in which order."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinydet.config.files import make_folder, write_text_atomically
from tinydet.config.loader import resolved_yaml
from tinydet.config.schema import UserConfig
from tinydet.data.augment import validate_augmentation
from tinydet.errors import ConfigError
from tinydet.pipeline.log import RunLog
from tinydet.pipeline.stages import (
    Run,
    compare_stage,
    evaluate_stage,
    predict_stage,
    quantize_stage,
    train_stage,
)

CONFIG_FILE = "config.yaml"
SUMMARY_FILE = "run.json"


def run(config: UserConfig, *, run_folder: Path | None = None) -> Path:
    """Execute ``operation_mode`` and write the report.

    Args:
        config: From ``load_config``.
        run_folder: Where everything goes; None takes ``hydra.run.dir``.

    Returns:
        The report, ``report.html`` in the run folder.

    Raises:
        TinydetError: Whatever the user can mend.
    """
    from tinydet.report import write_report

    findings = validate_augmentation(config.data_augmentation)
    if findings:
        raise ConfigError(findings)
    folder = make_folder(Path(run_folder or config.run_folder))
    write_text_atomically(folder / CONFIG_FILE, resolved_yaml(config))
    current = Run(config, folder, RunLog(folder))
    try:
        summary = _execute(current)
        write_text_atomically(folder / SUMMARY_FILE, json.dumps(summary, indent=2) + "\n")
    finally:
        # What was reached can be looked at also when a later stage failed.
        report = write_report(folder)
    current.log.say(f"Report: {report.resolve()}")
    return report


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
        quantized = quantize_stage(current, model_path)
        if config.evaluates:
            results.append(evaluate_stage(current, quantized))
            compare_stage(current, *results)
    summary["evaluation"] = [
        {"model": result.model.name, "ap": {k: asdict(v) for k, v in result.ap.items()}}
        for result in results
    ]
    return summary
