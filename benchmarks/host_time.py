"""Time of one inference on this machine: the generated C and LiteRT with XNNPACK, in turn.

    python benchmarks/host_time.py MODEL.tflite [--seconds 20]

Both run in this process on one thread, one inference of each in turn, so that whatever else the
machine does meets both. The C has the kernels of this processor (AVX2, AVX-512 VNNI). Processor
time leaves out when the process had to wait for a core; of the elapsed time also the lowest tenth
is given, which was waited for least.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from record import write_result

from tinydet.compiler import CompileOptions, compile_detector
from tinydet.compiler.memory import Objective
from tinydet.pipeline.detector_of import spec_for
from tinydet.targets import HostTarget

WARM_UP = 5  # inferences of each
OBJECTIVES: tuple[Objective, ...] = ("balanced", "speed")


def main() -> None:
    """Measure and write results/host_time.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each objective")
    parsed = parser.parse_args()
    spec = spec_for(parsed.model, None)
    image = np.random.default_rng(0).integers(0, 256, (*spec.input_size, 3), np.uint8)
    litert = litert_runner(parsed.model, image)
    rows = []
    for objective in OBJECTIVES:
        with tempfile.TemporaryDirectory() as folder:
            options = CompileOptions(optimize=objective, remove_channels=False)
            detector = compile_detector(parsed.model, options, spec=spec)
            program = HostTarget().build(detector, Path(folder))
            times = in_turn(lambda: program.run(image), litert, parsed.seconds)  # noqa: B023
        rows.append({"objective": objective, **figures(*times)})
        print(rows[-1])
    command = "python benchmarks/host_time.py MODEL"
    write_result("host_time", command, {"input": list(spec.input_size), "rows": rows})


def litert_runner(model: Path, image: Any) -> Callable[[], Any]:
    """One inference with LiteRT and its default delegate, XNNPACK, on one thread."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(model), num_threads=1)
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    outputs = [output["index"] for output in interpreter.get_output_details()]
    pixels = image[None] if entry["dtype"] == np.uint8 else (image[None] ^ 128).view(np.int8)

    def run() -> Any:
        interpreter.set_tensor(entry["index"], pixels)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in outputs]

    return run


def in_turn(
    ours: Callable[[], Any], litert: Callable[[], Any], seconds: float
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """``(elapsed, processor time)`` in seconds of each inference, of ours and of LiteRT's."""
    for _ in range(WARM_UP):
        ours()
        litert()
    times: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for run, found in zip((ours, litert), times, strict=True):
            start, cpu_start = time.perf_counter(), time.process_time()
            run()
            found.append((time.perf_counter() - start, time.process_time() - cpu_start))
    return times


def figures(
    ours: list[tuple[float, float]], litert: list[tuple[float, float]]
) -> dict[str, float | int]:
    """Percentiles, in milliseconds, and their ratios."""
    record: dict[str, float | int] = {"inferences_of_each": len(ours)}
    for kind, percent, name in (
        (0, 10, "lowest_tenth_elapsed"),
        (0, 50, "median_elapsed"),
        (1, 50, "median_processor"),
    ):
        c, xnnpack = (
            float(np.percentile([times[kind] for times in runs], percent))
            for runs in (ours, litert)
        )
        record[f"c_{name}_ms"] = round(1e3 * c, 2)
        record[f"litert_{name}_ms"] = round(1e3 * xnnpack, 2)
        record[f"{name}_ratio"] = round(c / xnnpack, 2)
    return record


if __name__ == "__main__":
    main()
