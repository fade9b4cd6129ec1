"""``tinydet tune``: a search for the configuration with the best AP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydet.commands.options import Command, Option, output_option
from tinydet.result import Result, shown_path

if TYPE_CHECKING:
    from tinydet.config.overrides import Change

COMMAND = Command(
    "tune",
    "search for the configuration with the best AP, optionally under a RAM limit",
    "tinydet.commands.tune:tune",
    (
        Option("--config", "user_config.yaml of the trials", "path", metavar="FILE", required=True),
        Option("--trials", "total number of trials", "count", default=30),
        Option("--epochs", "epochs per trial", "count", default_text="those of the configuration"),
        Option(
            "--space",
            "YAML file with the search space",
            "path",
            metavar="FILE",
            default_text="learning rate, weight decay, anchors, loss; with --ram-limit also input "
            "size, and alpha where training starts from imagenet",
        ),
        Option(
            "--ram-limit",
            "limit of activation RAM, such as 256K: networks that need more are not trained",
            "bytes",
            parameter="ram_limit_bytes",
            metavar="SIZE",
        ),
        Option("--seed", "seed of the proposals", "integer", default=0),
        output_option("tuning", "folder of the search; an existing one is continued"),
    ),
    overrides=True,
)


@dataclass(frozen=True)
class TuneResult(Result):
    """Results of a search.

    Attributes:
        best_ap: AP of the best trial, in [0, 1]; None if no trial has finished.
        best_trial: Its number.
        best_values: Key of the configuration -> value.
        best_arena_bytes: Its activation RAM, if a limit was given.
        trials: All proposals so far.
        best_file: The best configuration, ready to run.
        picture: AP over the values of each key.
    """

    best_ap: float | None
    best_trial: int | None
    best_values: Mapping[str, Any]
    best_arena_bytes: int | None
    trials: int
    best_file: Path
    picture: Path

    def __str__(self) -> str:
        if self.best_ap is None:
            return "No trial has finished."
        lines = [f"Best AP {self.best_ap:.2%}, trial {self.best_trial} of {self.trials}:"]
        lines += [f"  {key}: {_short(value)}" for key, value in self.best_values.items()]
        if self.best_arena_bytes is not None:
            lines.append(f"  activation RAM: {self.best_arena_bytes / 1024:.1f} KiB")
        lines += [f"Picture: {shown_path(self.picture)}", f"tinydet run --config {self.best_file}"]
        return "\n".join(lines)


def tune(
    config: str | Path,
    output: str | Path = "tuning",
    *,
    trials: int = 30,
    epochs: int | None = None,
    space: str | Path | None = None,
    ram_limit_bytes: int | None = None,
    seed: int = 0,
    overrides: "Sequence[Change]" = (),
) -> TuneResult:
    """Search for the configuration with the best AP, or continue a search.

    Args:
        config: Configuration of the trials, a YAML file.
        output: Folder of the search; an existing one is continued.
        trials: Total number of finished or stopped trials, including those of earlier calls.
        epochs: Epochs per trial; None uses those of the configuration.
        space: YAML file with the search space; None searches learning rate, weight decay, anchors,
            loss, with a RAM limit also the input size, and alpha where training starts from
            ``imagenet`` or from nothing.
        ram_limit_bytes: Limit of activation RAM of the compiled network; None: no limit.
        seed: Seed of the proposals.
        overrides: Changes to the configuration.

    Raises:
        TinydetError: See ``tinydet.search.search``.
    """
    from tinydet.commands.run import checked
    from tinydet.search import TuneOptions, best_trial, default_space, read_space, search
    from tinydet.search.study import ARENA, BEST_FILE, PICTURE_FILE

    config, output = Path(config), Path(output)
    loaded = checked(config, overrides)
    if space is not None:
        chosen = read_space(Path(space))
    else:
        chosen = default_space(loaded, with_networks=ram_limit_bytes is not None)
    options = TuneOptions(trials, epochs, ram_limit_bytes, seed)
    study = search(config, overrides, chosen, output, options)
    best = best_trial(study)
    return TuneResult(
        best_ap=None if best is None else best.value,
        best_trial=None if best is None else best.number,
        best_values={} if best is None else best.params,
        best_arena_bytes=None if best is None else best.user_attrs.get(ARENA),
        trials=len(study.trials),
        best_file=output / BEST_FILE,
        picture=output / PICTURE_FILE,
    )


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
