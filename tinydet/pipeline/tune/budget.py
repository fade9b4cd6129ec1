"""Schedules that fit another number of epochs."""

from tinydet.config.schema.training import TrainingSection

WARMUP, HOLD, DECAY = "warmup_steps", "hold_steps", "decay_steps"


def fitted_schedule(training: TrainingSection, epochs: int) -> list[str]:
    """What a learning-rate schedule needs so that it ends when a shorter training ends.

    One that is cut off costs accuracy, and favours low learning rates: the rate must come down.

    Args:
        training: Its schedule is made for ``training.epochs``.
        epochs: Of the trial.

    Returns:
        ``key=value`` for every number of epochs in the schedule; none where nothing changes.
    """
    words = []
    for name, arguments in training.callbacks.items():
        steps = {key: arguments[key] for key in (WARMUP, HOLD, DECAY) if key in arguments}
        if DECAY not in steps or epochs == training.epochs:
            continue
        fitted = {key: round(value * epochs / training.epochs) for key, value in steps.items()}
        fitted[DECAY] = max(1, epochs - fitted.get(WARMUP, 0) - fitted.get(HOLD, 0))
        words += [f"training.callbacks.{name}.{key}={value}" for key, value in fitted.items()]
    return words
