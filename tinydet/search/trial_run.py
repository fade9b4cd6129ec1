"""One trial: a run in a process of its own, watched while it trains."""

import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tinydet.errors import DataError
from tinydet.pipeline.run_folder import CONFIG_FILE, SUMMARY_FILE

POLL_SECONDS = 2.0
METRICS = Path("logs", "metrics", "train_metrics.csv")
OUTPUT_FILE = "output.txt"


def run_trial(
    config_file: Path, folder: Path, on_epoch: Callable[[int, float], bool]
) -> float | None:
    """Train and evaluate a configuration; resumes an interrupted one.

    Args:
        config_file: Of a run with a training and an evaluation.
        folder: Of the run. A finished one is not run again.
        on_epoch: Gets epoch (from 1) and validation AP after each; True stops the run.

    Returns:
        AP at the first of the evaluation's IoU thresholds, in 0..1; None where it was stopped.

    Raises:
        DataError: The run failed; its last line says why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / SUMMARY_FILE).exists() and not _run(config_file, folder, on_epoch):
        return None
    summary = json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
    return float(next(iter(summary["evaluation"][-1]["ap"].values()))["mean"])


def _run(config_file: Path, folder: Path, on_epoch: Callable[[int, float], bool]) -> bool:
    """Whether the run came to its end."""
    source = ["--config", str(config_file)]
    if (folder / CONFIG_FILE).exists():
        source = ["--resume", str(folder)]
    with (folder / OUTPUT_FILE).open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tinydet.cli", "run", *source],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            told = 0
            while process.poll() is None:
                time.sleep(POLL_SECONDS)
                for epoch, ap in validation_ap(folder)[told:]:
                    told += 1
                    if on_epoch(epoch, ap):
                        return False
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode:
        lines = (folder / OUTPUT_FILE).read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "no message")
        raise DataError(folder, f"the trial failed ({last})", f"See {OUTPUT_FILE} there.")
    return True


def validation_ap(folder: Path) -> list[tuple[int, float]]:
    """Epoch (from 1) and validation AP of every finished epoch of a run."""
    try:
        with (folder / METRICS).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError:  # no epoch is finished yet
        return []
    return [(int(row["epoch"]) + 1, float(row["val_map"])) for row in rows if row.get("val_map")]
