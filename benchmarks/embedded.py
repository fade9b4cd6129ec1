"""Memory and instructions of the generated C, in every way to compile it.

    python benchmarks/embedded.py [MODEL.tflite ...] [--trained MODEL.tflite]

The models are int8 detectors, one for each input size, with ``detector.json`` beside them; without
any they are made with random weights (see ``random_model``), alpha 0.35, at 192, 224, 256 and 416
pixels. All their channels are kept. Of a trained model what can be removed is. The smallest input
is also compiled in every input mode, for other cores, and with arm-none-eabi-gcc where it is
installed.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image
from record import write_result

from tinydet.compiler import CompileOptions, compile_detector
from tinydet.compiler.ir import Graph, count_macs
from tinydet.compiler.memory import InputMode, Objective, whole_tensor_peak_bytes
from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec, PreprocessSpec
from tinydet.config.files import make_folder
from tinydet.data.preprocess import rescale
from tinydet.pipeline.detector_of import spec_for
from tinydet.targets import CortexMTarget, measure_footprint
from tinydet.targets.toolchain import ARM_GCC, Compiler

SIZES, ALPHA = (192, 224, 256, 416), 0.35
OBJECTIVES: tuple[Objective, ...] = ("ram", "balanced", "speed")
OUTSIDE: tuple[InputMode, ...] = ("caller", "rows")
SMALL: tuple[Objective, ...] = ("ram", "balanced")
CORE, OTHER_CORES = "cortex-m7", ("cortex-m4", "cortex-m33")
NUM_IMAGES = 8  # of noise, for the ranges of a random model
BIAS_BYTES, BYTES_PER_CHANNEL = 4, 8


@dataclass(frozen=True)
class Case:
    """One way to compile one model.

    Attributes:
        model: The .tflite.
        options: Of the compiler.
        core: Processor.
        compiler: C compiler.
        trained: Not of random weights.
    """

    model: Path
    options: CompileOptions
    core: str = CORE
    compiler: Compiler = "zig"
    trained: bool = False


def main() -> None:
    """Measure and write results/embedded.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="*", help="one for each input size")
    parser.add_argument("--trained", type=Path, help="a model of which channels are removed")
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = parsed.models or [random_model(size, Path(folder)) for size in SIZES]
        rows = []
        for number, case in enumerate(cases(models, parsed.trained)):
            rows.append(measure(case, Path(folder) / str(number)))
            print(rows[-1], flush=True)
    words = [
        *(["MODELS"] if parsed.models else []),
        *(["--trained MODEL"] if parsed.trained else []),
    ]
    command = " ".join(["python benchmarks/embedded.py", *words])
    write_result("embedded", command, {"alpha": ALPHA, "rows": rows})


def random_model(size: int, folder: Path) -> Path:
    """An int8 person detector of random weights whose ranges are those of a trained one.

    Batch normalization takes the mean and variance that it sees, as after training. With those it
    is born with, values would dwindle from layer to layer until the ranges of deep layers are those
    of rounding errors, which no trained network has.
    """
    from tinydet.model.network import build_detector
    from tinydet.quantization import quantize

    own = make_folder(folder / f"model_{size}")
    preprocess = PreprocessSpec(height=size, width=size)
    DetectorSpec(class_names=("person",), alpha=ALPHA, preprocess=preprocess).save(
        own / DETECTOR_FILE
    )
    random = np.random.default_rng(size)
    noise = random.integers(0, 256, (NUM_IMAGES, size, size, 3), np.uint8)
    keras.utils.set_random_seed(size)
    model = build_detector(size, size, 1, alpha=ALPHA, batch_norm_momentum=0.0)
    model(rescale(noise, preprocess), training=True)
    model.save(own / "random.keras")
    images = [own / f"noise_{number}.png" for number in range(NUM_IMAGES)]
    for path, image in zip(images, noise, strict=True):
        Image.fromarray(image).save(path)
    return quantize(own / "random.keras", images, own)


def cases(models: list[Path], trained: Path | None) -> Iterator[Case]:
    """All objectives of all models, then what only the smallest is compiled for."""
    models = sorted(models, key=lambda path: spec_for(path, None).input_size)
    for model in models:
        for objective in OBJECTIVES:
            yield Case(model, CompileOptions(optimize=objective, remove_channels=False))
    base = Case(models[0], CompileOptions(remove_channels=False))
    for mode in OUTSIDE:
        for objective in SMALL:
            options = replace(base.options, input_mode=mode, optimize=objective)
            yield replace(base, options=options)
    for core in OTHER_CORES:
        yield replace(base, core=core)
    if shutil.which(ARM_GCC):
        for core in (CORE, *OTHER_CORES):
            yield replace(base, core=core, compiler="arm-none-eabi-gcc")
    if trained is not None:
        for objective in OBJECTIVES:
            yield Case(trained, CompileOptions(optimize=objective), trained=True)


def measure(case: Case, folder: Path) -> dict[str, Any]:
    """Compile, link, run in the emulator."""
    spec = spec_for(case.model, None)
    start, cpu_start = time.perf_counter(), time.process_time()
    detector = compile_detector(case.model, case.options, spec=spec)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    program = CortexMTarget(case.core, compiler=case.compiler).build(detector, folder / "build")
    image = np.random.default_rng(0).integers(0, 256, (*spec.input_size, 3), np.uint8)
    footprint = measure_footprint(program, [image])
    return {
        "input": list(spec.input_size),
        "classes": spec.num_classes,
        "weights": "trained, constant channels removed" if case.trained else "random, all channels",
        "objective": case.options.optimize,
        "compiler": case.compiler,
        "footprint": footprint.to_record(),
        "lower_bound_bytes": detector.plan.lower_bound_bytes,
        "whole_tensor_peak_bytes": whole_tensor_peak_bytes(detector.plan.schedule),
        "weights_bound_bytes": weights_bound_bytes(detector.model.graph),
        "macs": sum(detector.macs.values()),
        "network_instructions": program.measure_run(image).instructions,
        "compile_seconds": round(seconds, 1),
        "compile_cpu_seconds": round(cpu_seconds, 1),
    }


def weights_bound_bytes(graph: Graph) -> int:
    """int8 weights, int32 biases and 8 bytes a channel: what repacking is measured by."""
    total = 0
    for op in graph.ops:
        if count_macs(graph, op):
            total += graph.required_input(op, 1).num_elements
            total += graph.output(op).shape[-1] * (BIAS_BYTES + BYTES_PER_CHANNEL)
    return total


if __name__ == "__main__":
    main()
