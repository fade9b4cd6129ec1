"""Time a .tflite file with the TensorFlow Lite runtime of a board; runs on the board.

The board's ``python3`` (3.7 or newer), which has the runtime, reads it from standard input.
Arguments: model, threads, warm-up runs, runs, path of a delegate library or an empty string.
Prints one JSON line: runtime, version and inference_ms, a list; or error in its place; runtime is
null where there is none.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from typing import Any

PACKAGES = ("tflite_runtime", "ai_edge_litert")


def find_runtime() -> tuple[Any, str | None, str | None]:
    """The module with ``Interpreter`` and ``load_delegate``, name and version of its package."""
    for package in PACKAGES:
        try:
            module = import_module(package + ".interpreter")
        except ImportError:
            continue
        return module, package, getattr(import_module(package), "__version__", None)
    return None, None, None


def measure(model: str, threads: int, warmup: int, runs: int, delegate: str) -> dict[str, Any]:
    """Milliseconds of each run, after the warm-up."""
    module, name, version = find_runtime()
    result: dict[str, Any] = {"runtime": name, "version": version}
    if module is None:
        return result
    try:
        delegates = [module.load_delegate(delegate)] if delegate else []
        interpreter = module.Interpreter(
            model_path=model, num_threads=threads, experimental_delegates=delegates
        )
        interpreter.allocate_tensors()
        times = []
        for _ in range(warmup + runs):
            start = time.perf_counter()
            interpreter.invoke()
            times.append((time.perf_counter() - start) * 1e3)
    except Exception as error:  # a delegate may raise anything; the reason goes to the user
        return {**result, "error": " ".join(str(error).split()) or type(error).__name__}
    return {**result, "inference_ms": times[warmup:]}


if __name__ == "__main__":
    given = sys.argv[1:]
    timing = measure(given[0], int(given[1]), int(given[2]), int(given[3]), given[4])
    sys.stdout.write(json.dumps(timing) + "\n")
