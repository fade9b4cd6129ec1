"""Time a .tflite file with the TensorFlow Lite runtime of a board; runs on the board.

Read from standard input by the board's ``python3`` (3.7 or newer), which has the runtime. Arguments:
model, threads, warm-up runs, runs, path of a delegate library or an empty string. Prints one JSON
line: runtime, version, and inference_ms, a list; or runtime null where there is none; or error.
"""

import json
import sys
import time


def find_runtime():
    """The module with ``Interpreter`` and ``load_delegate``, its name and version."""
    from importlib import import_module

    for package in ("tflite_runtime", "ai_edge_litert", "tensorflow.lite"):
        try:
            module = import_module(package + ".interpreter")
        except ImportError:
            try:
                module = import_module(package) if package == "tensorflow.lite" else None
            except ImportError:
                module = None
        if module is not None and hasattr(module, "Interpreter"):
            version = getattr(import_module(package.split(".")[0]), "__version__", None)
            return module, package, version
    return None, None, None


def measure(model, threads, warmup, runs, delegate):
    """Milliseconds of each run, after the warm-up."""
    module, name, version = find_runtime()
    if module is None:
        return {"runtime": None}
    try:
        delegates = [module.load_delegate(delegate)] if delegate else []
        interpreter = module.Interpreter(
            model_path=model, num_threads=threads, experimental_delegates=delegates
        )
        interpreter.allocate_tensors()
        for _ in range(warmup):
            interpreter.invoke()
        times = []
        for _ in range(runs):
            start = time.perf_counter()
            interpreter.invoke()
            times.append((time.perf_counter() - start) * 1e3)
    except Exception as error:  # a delegate may raise anything; the reason goes to the user
        return {"runtime": name, "version": version, "error": " ".join(str(error).split())}
    return {"runtime": name, "version": version, "inference_ms": times}


if __name__ == "__main__":
    given = sys.argv[1:]
    result = measure(given[0], int(given[1]), int(given[2]), int(given[3]), given[4])
    sys.stdout.write(json.dumps(result) + "\n")
