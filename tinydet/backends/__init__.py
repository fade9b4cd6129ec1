"""What Keras computes with: TensorFlow, JAX or PyTorch, each behind one interface.

A process uses one of them, chosen before Keras is loaded: by ``general.backend``, else by
``KERAS_BACKEND``, else the first one that is installed. Nothing here loads Keras, and a framework
is loaded only when it is asked something.
"""

import os
import sys

from tinydet.backends.base import Backend as Backend
from tinydet.backends.base import Gpu as Gpu
from tinydet.backends.on_jax import Jax
from tinydet.backends.on_tensorflow import TensorFlow
from tinydet.backends.on_torch import Torch
from tinydet.errors import MissingToolError, UnsupportedError, near_name

# In the order of preference: on a CPU TensorFlow is much faster than the others.
BACKENDS: dict[str, Backend] = {each.name: each for each in (TensorFlow(), Torch(), Jax())}
VARIABLE = "KERAS_BACKEND"


def choose_backend(wanted: str = "auto", wish: str = "training") -> Backend:
    """Settle what Keras computes with in this process, and tell Keras.

    Args:
        wanted: A name of ``BACKENDS``, or ``auto``: what Keras was loaded with, else
            ``KERAS_BACKEND``, else the first that is installed.
        wish: What it is needed for, for the message.

    Raises:
        UnsupportedError: There is none of that name, or Keras runs with another one already.
        MissingToolError: It is not installed, or no backend is.
    """
    running = backend_in_use()
    if running is not None and wanted in ("auto", running.name):
        return running
    name = _settled(wanted)
    if running is not None:
        raise UnsupportedError(
            "general.backend",
            name,
            f"{running.name}, with which this process has begun",
            "Start a new process for another backend.",
        )
    backend = BACKENDS[name]
    if not backend.is_installed():
        raise MissingToolError(
            f"{wish} with {backend.title}" if len(installed_backends()) else wish,
            name,
            f"Install it: pip install 'tinydet[{backend.extra}]'{_instead(name)}.",
        )
    os.environ[VARIABLE] = name
    return backend


def backend_in_use() -> Backend | None:
    """The backend that Keras was loaded with; None where Keras is not loaded yet."""
    keras = sys.modules.get("keras")
    return None if keras is None else BACKENDS[keras.backend.backend()]


def installed_backends() -> list[Backend]:
    """What is there, in the order of preference; nothing is loaded."""
    return [backend for backend in BACKENDS.values() if backend.is_installed()]


def _settled(wanted: str) -> str:
    if wanted == "auto":
        there = installed_backends()
        first = there[0].name if there else "tensorflow"
        where, name = VARIABLE, os.environ.get(VARIABLE) or first
    else:
        where, name = "general.backend", wanted
    if name not in BACKENDS:
        raise UnsupportedError(
            where, name, ", ".join(BACKENDS), f"Correct it.{near_name(name, BACKENDS)}"
        )
    return name


def _instead(name: str) -> str:
    others = [each.name for each in installed_backends() if each.name != name]
    return f", or use what is installed: general.backend={others[0]}" if others else ""
