"""The optimizer that the configuration names."""

from collections.abc import Mapping
from typing import Any

import keras

from tinydet.errors import UnsupportedError, near_name

WHERE = "training.optimizer"


def make_optimizer(name: str, arguments: Mapping[str, Any]) -> keras.optimizers.Optimizer:
    """Any optimizer of Keras.

    Args:
        name: Its class name, in upper or lower case.
        arguments: As its constructor takes them.

    Raises:
        UnsupportedError: No such optimizer, or arguments it does not take.
    """
    known = {
        key: value
        for key, value in vars(keras.optimizers).items()
        if isinstance(value, type)
        and issubclass(value, keras.optimizers.Optimizer)
        and key not in ("Optimizer", "LossScaleOptimizer")  # the base, and a wrapper of another
    }
    found = {key.lower(): key for key in known}.get(name.lower())
    if found is None:
        raise UnsupportedError(
            WHERE, name, ", ".join(sorted(known)), "Correct the name." + near_name(name, known)
        )
    try:
        return known[found](**arguments)
    except (TypeError, ValueError) as error:
        raise UnsupportedError(
            f"{WHERE}.{found}",
            ", ".join(f"{key}={value!r}" for key, value in arguments.items()),
            f"the arguments of keras.optimizers.{found}",
            f"Correct them: {' '.join(str(error).split())}.",
        ) from None
