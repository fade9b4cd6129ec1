"""What is searched: keys of the configuration and the values they may take."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tinydet.config.detector_spec import ALPHAS
from tinydet.config.schema import UserConfig
from tinydet.config.schema.training import TrainingSection
from tinydet.errors import DataError, UnsupportedError

if TYPE_CHECKING:
    import optuna

WARMUP, HOLD, DECAY = "warmup_steps", "hold_steps", "decay_steps"
RANGE_KEYS = {"low", "high", "log", "step"}
SQUARE_INPUTS = tuple(f"({side}, {side}, 3)" for side in (192, 224, 256, 288, 320))
STARTS_OF_ANY_ALPHA = (None, "imagenet")
SPACE_FORM = "'key.sub: [choice, ...]' or 'key.sub: {low: 0.1, high: 1.0, log: True}'"


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    Attributes:
        low: Smallest.
        high: Largest.
        log: Factors count, not differences.
        step: Distance of the values; None for any. Whole numbers where low, high and step are.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None


Choices = tuple[Any, ...]


@dataclass(frozen=True)
class SearchSpace:
    """Keys of the configuration and what they may be.

    Attributes:
        dimensions: Key -> range or choices. A choice is a number, a text or a truth value.
    """

    dimensions: Mapping[str, Range | Choices]

    def suggest(self, trial: "optuna.Trial") -> dict[str, Any]:
        """Values of one trial: key -> value."""
        return {key: _suggest(trial, key, given) for key, given in self.dimensions.items()}


def _suggest(trial: "optuna.Trial", key: str, given: Range | Choices) -> Any:
    if isinstance(given, tuple):
        return trial.suggest_categorical(key, given)
    numbers = (given.low, given.high, given.step if given.step is not None else 1)
    if all(isinstance(number, int) for number in numbers):
        return trial.suggest_int(
            key, int(given.low), int(given.high), step=int(given.step or 1), log=given.log
        )
    return trial.suggest_float(key, given.low, given.high, step=given.step, log=given.log)


def default_space(config: UserConfig, *, with_networks: bool) -> SearchSpace:
    """What is searched where the user names nothing.

    Args:
        config: The learning rate is searched where it is: in the schedule, else in the optimizer.
        with_networks: Input size as well, and the width where the start is there in every width.
    """
    training = config.training
    dimensions: dict[str, Range | Choices] = {_learning_rate_key(config): Range(3e-4, 1e-2, True)}
    if "weight_decay" in training.optimizer_arguments:
        key = f"training.optimizer.{training.optimizer_name}.weight_decay"
        dimensions[key] = Range(1e-5, 1e-2, True)
    if training.model is not None:
        dimensions["training.model.anchors"] = ("published", "wide", "compact")
        if with_networks:
            if training.model.pretrained_weights in STARTS_OF_ANY_ALPHA:
                dimensions["training.model.alpha"] = tuple(ALPHAS)
            dimensions["training.model.input_shape"] = SQUARE_INPUTS
    dimensions["training.loss.focal_gamma"] = Range(0.5, 3.0)
    dimensions["training.loss.box_weight"] = Range(0.5, 4.0, True)
    return SearchSpace(dimensions)


def _learning_rate_key(config: UserConfig) -> str:
    for name, arguments in config.training.callbacks.items():
        for key in ("max_lr", "initial_lr"):
            if key in arguments:
                return f"training.callbacks.{name}.{key}"
    return f"training.optimizer.{config.training.optimizer_name}.learning_rate"


def read_space(path: Path) -> SearchSpace:
    """Read a YAML file of keys with their choices or ranges.

    Raises:
        DataError: The file cannot be read.
        UnsupportedError: It is not a mapping of that form.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise DataError(path, f"cannot be read ({reason})", "Correct the file.") from None
    if not isinstance(content, dict) or not content:
        raise UnsupportedError(str(path), "its content", SPACE_FORM, "Write one line per key.")
    return SearchSpace({str(key): _dimension(path, key, value) for key, value in content.items()})


def _dimension(path: Path, key: str, value: Any) -> Range | Choices:
    where = f"{path} {key}"
    if isinstance(value, list) and value:
        if all(isinstance(item, (bool, int, float, str)) for item in value):
            return tuple(value)
        remedy = "Write a tuple or list in quotes, such as '(192, 192, 3)'."
        raise UnsupportedError(where, str(value), "numbers, texts, truth values", remedy)
    if isinstance(value, dict) and {"low", "high"} <= set(value) <= RANGE_KEYS:
        numbers = {k: _number(where, v) for k, v in value.items() if k != "log"}
        low, high, step = numbers["low"], numbers["high"], numbers.get("step")
        log = value.get("log") is True
        if low < high and not (log and (low <= 0 or step is not None)):
            return Range(low, high, log, step)
        remedy = "Correct the bounds; log needs numbers above 0 and has no step."
        raise UnsupportedError(where, str(value), "low below high", remedy)
    raise UnsupportedError(where, str(value), SPACE_FORM, "Correct the value.")


def _number(where: str, value: Any) -> float:
    # YAML takes 1e-4, without a point, for a text.
    try:
        return value if isinstance(value, int) else float(value)
    except (TypeError, ValueError):
        raise UnsupportedError(where, str(value), "a number", "Correct the value.") from None


def fitted_schedule(training: TrainingSection, epochs: int) -> dict[str, int]:
    """What a learning-rate schedule needs so that it ends when a shorter training ends.

    One that is cut off costs accuracy, and favours low learning rates: the rate must come down.

    Args:
        training: Its schedule is made for ``training.epochs``.
        epochs: Of the trial.

    Returns:
        Key -> value for every number of epochs in the schedule; none where nothing changes.
    """
    values: dict[str, int] = {}
    for name, arguments in training.callbacks.items():
        steps = {key: arguments[key] for key in (WARMUP, HOLD, DECAY) if key in arguments}
        if DECAY not in steps or epochs == training.epochs:
            continue
        fitted = {key: round(value * epochs / training.epochs) for key, value in steps.items()}
        fitted[DECAY] = max(1, epochs - fitted.get(WARMUP, 0) - fitted.get(HOLD, 0))
        values |= {f"training.callbacks.{name}.{key}": steps for key, steps in fitted.items()}
    return values
