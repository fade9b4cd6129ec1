"""What a search has found: the best trial, a table, a picture."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydet.config.files import atomic_path, write_text_atomically

if TYPE_CHECKING:
    import optuna

COLUMNS = 3
DONE, STOPPED, BEST = "#4c78a8", "#bab0ac", "#e45756"


def best_trial(study: "optuna.Study") -> "optuna.trial.FrozenTrial | None":
    """The finished trial with the highest AP; of equals the first."""
    trials = [each for each in study.get_trials(deepcopy=False) if _is_finished(each)]
    return max(trials, key=lambda trial: (trial.value, -trial.number)) if trials else None


def write_table(study: "optuna.Study", path: Path) -> None:
    """Write one row per trial: number, state, AP, RAM, and the values of the keys."""
    trials = study.get_trials(deepcopy=False)
    keys = list(dict.fromkeys(key for trial in trials for key in trial.params))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", "ap", "epochs", "arena_bytes", *keys])
    for trial in trials:
        values = [trial.params.get(key, "") for key in keys]
        arena = trial.user_attrs.get("arena_bytes", "")
        ap = "" if trial.value is None or not _is_finished(trial) else trial.value
        epochs = trial.last_step or ""
        writer.writerow([trial.number, trial.state.name.lower(), ap, epochs, arena, *values])
    write_text_atomically(path, text.getvalue())


def draw_trials(study: "optuna.Study", path: Path) -> None:
    """Draw AP over the trials, and over the values of each key (and the RAM), as one PNG."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    trials = [t for t in study.get_trials(deepcopy=False) if _last_ap(t) is not None]
    if not trials:
        return
    keys = list(dict.fromkeys(key for trial in trials for key in trial.params))
    panels = ["trial", *keys] + ["arena_bytes"] * any("arena_bytes" in t.user_attrs for t in trials)
    rows = -(-len(panels) // COLUMNS)
    figure = Figure(figsize=(4.5 * COLUMNS, 3.2 * rows), layout="constrained")
    best = best_trial(study)
    for index, name in enumerate(panels):
        axes = figure.add_subplot(rows, COLUMNS, index + 1)
        _draw_panel(axes, name, trials, best)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


def _draw_panel(axes: Any, name: str, trials: list[Any], best: Any) -> None:
    shown = [trial for trial in trials if _value(trial, name) is not None]
    values = [_value(trial, name) for trial in shown]
    if any(isinstance(value, (str, bool)) for value in values):
        values = [str(value) for value in values]
    elif min(values) > 0 and max(values) > 30 * min(values):
        axes.set_xscale("log")
    for finished, colour, label in ((True, DONE, "finished"), (False, STOPPED, "stopped early")):
        chosen = [i for i, trial in enumerate(shown) if _is_finished(trial) == finished]
        points = [values[i] for i in chosen], [_last_ap(shown[i]) for i in chosen]
        axes.scatter(*points, s=18, color=colour, label=label)
    if best in shown:
        axes.scatter([values[shown.index(best)]], [best.value], s=60, color=BEST, label="best")
    axes.set_xlabel(name.removeprefix("training."))
    axes.set_ylabel("AP")
    axes.grid(alpha=0.3)
    if name == "trial":
        axes.legend(fontsize=8)


def _value(trial: Any, name: str) -> Any:
    if name == "trial":
        return trial.number
    return trial.params.get(name, trial.user_attrs.get(name))


def _last_ap(trial: Any) -> float | None:
    """AP of the end, or of the epoch after which a trial was stopped."""
    if _is_finished(trial):
        return float(trial.value)
    values = trial.intermediate_values
    return float(values[max(values)]) if values else None


def _is_finished(trial: Any) -> bool:
    return bool(trial.state.name == "COMPLETE")
