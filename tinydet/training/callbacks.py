"""Keras callbacks from the configuration."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from tinydet.config.schedule_lambda import compile_lambda
from tinydet.config.schedules import SCHEDULES, make_schedule
from tinydet.data.dataset import Sample
from tinydet.errors import UnsupportedError, near_name
from tinydet.training.validation import VALIDATION_METRICS

WHERE = "training.callbacks"
MODES = ("auto", "min", "max")
DEFAULT_MONITOR = "val_loss"  # of Keras' callbacks
Arguments = Mapping[str, Any]


def available_metrics(validation: Sequence[Sample]) -> tuple[str, ...]:
    """What a callback can monitor.

    Args:
        validation: The validation set. Without an object to find there is no validation AP.

    Returns:
        Metric names; the first is the one that decides what is best where nothing else is said.
    """
    if not validation:
        return ("loss",)
    if all(sample.ignored.all() for sample in validation):
        return ("val_loss", "loss")
    return ("val_map", *(name for name in VALIDATION_METRICS if name != "val_map"), "loss")


def best_metric(wanted: Mapping[str, Arguments], metrics: Sequence[str]) -> tuple[str, str]:
    """Which metric decides what the best weights are.

    Args:
        wanted: See ``make_callbacks``.
        metrics: See ``available_metrics``.

    Returns:
        ``(metric, "min" or "max")``, of ``ModelCheckpoint`` where given.

    Raises:
        UnsupportedError: There is no such metric or mode.
    """
    arguments = {"monitor": metrics[0], **wanted.get("ModelCheckpoint", {})}
    known = dict(_with_mode("ModelCheckpoint", arguments, metrics))
    return str(known["monitor"]), str(known["mode"])


def make_callbacks(
    wanted: Mapping[str, Arguments], metrics: Sequence[str], epochs: int
) -> list[keras.callbacks.Callback]:
    """The user's callbacks, in the given order.

    Args:
        wanted: Name of a Keras callback or of a schedule (``LRCosineDecay``, ...) -> arguments.
            ``ModelCheckpoint`` is not built: it says what the best weights are (``best_metric``).
            ``restore_best_weights`` of ``EarlyStopping`` is taken and has no effect: the best and
            the last weights are both kept, each in its file.
        metrics: See ``available_metrics``.
        epochs: Of the training; a schedule has to have a value for each.

    Returns:
        Callbacks for ``model.fit``.

    Raises:
        UnsupportedError: A name is unknown, or the arguments do not fit.
    """
    callbacks = []
    for name, arguments in wanted.items():
        if name == "ModelCheckpoint":
            continue
        try:
            if name in SCHEDULES:
                callbacks.append(_make_scheduler(name, dict(arguments), epochs))
            else:
                callbacks.append(_make_keras_callback(name, dict(arguments), metrics))
        except (TypeError, ValueError, ArithmeticError, IndexError) as error:
            given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
            raise UnsupportedError(
                f"{WHERE}.{name}",
                given or "no argument",
                " ".join(str(error).split()),
                "Correct the arguments.",
            ) from None
    return callbacks


def _make_scheduler(name: str, arguments: dict[str, Any], epochs: int) -> keras.callbacks.Callback:
    verbose = int(arguments.pop("verbose", 0))
    schedule = make_schedule(name, **arguments)
    for epoch in range(epochs):  # wrong arguments show here, not in the middle of training
        if not 0 <= schedule(epoch) < math.inf:
            raise ValueError(f"learning rates >= 0, it is {schedule(epoch)} at epoch {epoch}")
    return keras.callbacks.LearningRateScheduler(lambda epoch: schedule(epoch), verbose)


def _make_keras_callback(
    name: str, arguments: dict[str, Any], metrics: Sequence[str]
) -> keras.callbacks.Callback:
    factory = getattr(keras.callbacks, name, None)
    if not (inspect.isclass(factory) and issubclass(factory, keras.callbacks.Callback)):
        known = [n for n in dir(keras.callbacks) if n[0].isupper()] + list(SCHEDULES)
        raise UnsupportedError(
            f"{WHERE}.{name}",
            "this callback",
            "the callbacks of Keras and the LR schedules",
            "Correct the name." + near_name(name, known),
        )
    takes = [
        p.name for p in inspect.signature(factory).parameters.values() if p.kind != p.VAR_KEYWORD
    ]
    for key in arguments:
        if key not in takes:  # Keras swallows some of them
            raise UnsupportedError(
                f"{WHERE}.{name}.{key}",
                "this argument",
                ", ".join(takes),
                "Correct the name." + near_name(key, takes),
            )
    if name == "LearningRateScheduler" and isinstance(arguments.get("schedule"), str):
        arguments["schedule"] = _lambda_schedule(arguments["schedule"])
    if "monitor" in takes:
        arguments = _with_mode(name, {"monitor": DEFAULT_MONITOR, **arguments}, metrics)
    if "restore_best_weights" in arguments:
        arguments["restore_best_weights"] = False
    return factory(**arguments)


def _lambda_schedule(text: str) -> Callable[[int, float], float]:
    schedule = compile_lambda(text)

    def checked(epoch: int, lr: float) -> float:
        try:
            return schedule(epoch, lr)
        except ValueError as error:
            raise UnsupportedError(
                f"{WHERE}.LearningRateScheduler.schedule",
                f"{text} at epoch {epoch}",
                "a finite learning rate at every epoch",
                f"Correct it: {error}.",
            ) from None

    return checked


def _with_mode(name: str, arguments: Mapping[str, Any], metrics: Sequence[str]) -> dict[str, Any]:
    """The arguments with a known ``monitor`` and ``mode`` either ``min`` or ``max``."""
    monitor, mode = str(arguments["monitor"]), arguments.get("mode") or "auto"
    if monitor not in metrics:
        raise UnsupportedError(
            f"{WHERE}.{name}.monitor",
            monitor,
            ", ".join(metrics),
            "Choose one of these."
            + near_name(monitor, metrics)
            + ("" if len(metrics) > 2 else " The others need validation images with objects."),
        )
    if mode not in MODES:
        raise UnsupportedError(
            f"{WHERE}.{name}.mode", str(mode), ", ".join(MODES), "Choose one of these."
        )
    if mode == "auto":
        mode = "min" if monitor.endswith("loss") else "max"
    return {**arguments, "monitor": monitor, "mode": mode}
