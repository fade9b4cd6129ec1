"""``training.callbacks``: Keras callbacks and the nine learning-rate schedulers."""

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

from tinydet.config.expressions import ExpressionError
from tinydet.config.schedule_lambda import SUPPORTED as LAMBDA_GRAMMAR
from tinydet.config.schedule_lambda import compile_lambda
from tinydet.config.schedules import SCHEDULES
from tinydet.config.schema.values import MAX_NAMES, Finding, RejectedError, reject, show, to_loose
from tinydet.errors import near_name


def _arguments(schedule: Callable[..., float]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the required and of the optional arguments of a schedule, without the epoch."""
    optional = schedule.__kwdefaults__ or {}
    _, *names = signature(schedule).parameters
    return tuple(name for name in names if name not in optional), tuple(optional)


# name: (required arguments, optional arguments); each also takes verbose
LR_SCHEDULERS = {name: _arguments(schedule) for name, schedule in SCHEDULES.items()}
KERAS_SCHEDULERS = ("ReduceLROnPlateau", "LearningRateScheduler")
BUILT_IN = ("TensorBoard", "CSVLogger")
MONITORING = ("ReduceLROnPlateau", "EarlyStopping", "ModelCheckpoint")
MONITORS = ("val_loss", "val_mpre", "val_mrec", "val_map")
MODES = ("min", "max", "auto")
# Arguments that Keras compares with numbers, some only when the metric has stopped improving.
NUMBERS = ("patience", "factor", "min_delta", "cooldown", "min_lr", "baseline", "start_from_epoch")


def check_callbacks(value: Any) -> dict[str, dict[str, Any]]:
    """Callback names with their arguments; the Keras ones are looked up when training starts.

    Raises:
        RejectedError: Callbacks that are built in, several schedulers, an unknown scheduler, or
            arguments one of them does not take.
    """
    loose = to_loose(value)
    if not isinstance(loose, dict) or len(loose) > MAX_NAMES:
        remedy = "Write 'EarlyStopping: {patience: 20}'."
        raise reject(show(value), "callback names, each with its arguments", remedy)
    findings: list[Finding] = []
    schedulers = [name for name in loose if name in (*LR_SCHEDULERS, *KERAS_SCHEDULERS)]
    for name in schedulers[1:]:
        found = f"{name} in addition to {schedulers[0]}"
        findings.append(((name,), found, "one learning-rate scheduler", "Keep one of them."))
    for name, given in loose.items():
        if given is None or isinstance(given, dict):
            findings += check_callback(name, given or {})
        else:
            remedy = f"Write '{name}: {{argument: value}}'."
            findings.append(((name,), show(given), "arguments by name", remedy))
    if findings:
        raise RejectedError(findings)
    return {name: given or {} for name, given in loose.items()}


def check_callback(name: str, arguments: dict[str, Any]) -> list[Finding]:
    """What is wrong with one callback, as far as it can be told without Keras."""
    if name in BUILT_IN:
        remedy = "Remove it: it is always on, see the logs folder of the run."
        return [((name,), f"an additional {name}", "callbacks that are not built in", remedy)]
    if name.startswith("LR"):
        return _check_scheduler(name, arguments)
    findings: list[Finding] = []
    if name == "ModelCheckpoint":
        findings += _check_names(name, arguments, ("monitor", "mode"))
    if name in MONITORING:
        findings += _check_option(name, "monitor", arguments, MONITORS)
        findings += _check_option(name, "mode", arguments, MODES)
        findings += _check_numbers(name, arguments, NUMBERS)
    if name == "LearningRateScheduler":
        findings += _check_lambda(name, arguments)
    return findings


def _check_scheduler(name: str, arguments: dict[str, Any]) -> list[Finding]:
    if name not in LR_SCHEDULERS:
        hint = near_name(name, LR_SCHEDULERS).strip() or "Choose one of these."
        return [((name,), f"unknown scheduler '{name}'", ", ".join(LR_SCHEDULERS), hint)]
    required, optional = LR_SCHEDULERS[name]
    findings = _check_names(name, arguments, (*required, *optional, "verbose"))
    for argument in required:
        if arguments.get(argument) is None:
            supported = ", ".join((*required, *optional))
            findings.append(((name, argument), "a missing argument", supported, "Add it."))
    lists = ("values", "boundaries")
    numbers = [argument for argument in (*required, *optional) if argument not in lists]
    findings += _check_numbers(name, arguments, numbers)
    values, boundaries = (arguments.get(argument, []) for argument in lists)
    if name == "LRPiecewiseConstantDecay" and not findings:
        both = isinstance(values, list) and isinstance(boundaries, list)
        sound = both and all(isinstance(v, int | float) for v in (*values, *boundaries))
        if not sound or len(values) != len(boundaries) + 1:
            remedy = "Give one value more than there are boundaries."
            supported = "lists of numbers such as values [0.1, 0.01] for boundaries [10]"
            findings.append(((name, "values"), show(values), supported, remedy))
    return findings


def _check_names(name: str, arguments: dict[str, Any], known: tuple[str, ...]) -> list[Finding]:
    findings: list[Finding] = []
    for argument in arguments:
        if argument not in known:
            hint = near_name(argument, known).strip() or "Remove it."
            where = (name, argument)
            findings.append((where, f"unknown argument '{argument}'", ", ".join(known), hint))
    return findings


def _check_numbers(name: str, arguments: dict[str, Any], known: Sequence[str]) -> list[Finding]:
    return [
        ((name, argument), show(arguments[argument]), "a number", "Write a number.")
        for argument in known
        if arguments.get(argument) is not None and not isinstance(arguments[argument], int | float)
    ]


def _check_option(
    name: str, argument: str, arguments: dict[str, Any], known: tuple[str, ...]
) -> list[Finding]:
    found = arguments.get(argument)
    if found is None or found in known:
        return []
    hint = near_name(str(found), known).strip() or "Choose one of these."
    return [((name, argument), show(found), ", ".join(known), hint)]


def _check_lambda(name: str, arguments: dict[str, Any]) -> list[Finding]:
    schedule = arguments.get("schedule")
    try:
        compile_lambda(schedule if isinstance(schedule, str) else "")
    except ExpressionError as error:
        remedy = f"Correct it: {error}."
        return [((name, "schedule"), show(schedule), LAMBDA_GRAMMAR, remedy)]
    return []
