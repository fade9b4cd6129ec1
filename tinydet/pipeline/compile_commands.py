"""The commands around the compiler: C files, memory, instruction counts, evaluation of the C."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.config.detector_spec import DetectorSpec
from tinydet.errors import UnsupportedError
from tinydet.pipeline.int8_model import (
    CompileOptions,
    compile_int8,
    int8_model,
    network_image,
    write_record,
)
from tinydet.pipeline.train_stage import require_training_tools
from tinydet.pipeline.untrained import configured_network, untrained_int8

if TYPE_CHECKING:
    from tinydet.compiler import CompiledDetector
    from tinydet.targets import Benchmark, Board, CortexMTarget, Footprint, ProgramDetector

C_ENGINES = ("c", "cortex-m4", "cortex-m7", "cortex-m33")
TARGETS = ("host", "cortex-m4", "cortex-m7", "cortex-m33")
FOOTPRINT_FILE, BENCHMARK_FILE = "footprint.json", "benchmark.json"
BENCHMARK_PICTURE_FILE = "benchmark.png"


def compile_to_c(
    model: Path,
    output: Path,
    *,
    target: str,
    options: CompileOptions,
) -> str:
    """Translate an int8 model to C and build it for a target.

    Args:
        model: The ``.tflite``, or the folder of a run.
        output: Gets the C files, ``plan.json``, ``arena.png``, ``detector.json``,
            ``build/<target>`` and, for a microcontroller, ``footprint.json``.
        target: One of ``TARGETS``.
        options: How the C is made.

    Returns:
        What was made, as text.
    """
    model_path = int8_model(model)
    files = compile_int8(model_path, options, output)
    header = f"{files.name}_detect in {files.name}.h"
    made = f"C files: {output.resolve()} ({len(files.sources)} files, {header})"
    folder = output / "build" / target
    if target == "host":
        from tinydet.targets import HostTarget

        HostTarget().build(files, folder)
        return f"{made}\nBuilt for this machine: {folder.resolve()}"
    footprint = _measure(files, _cortex_m(target, options), folder)
    write_record(output / FOOTPRINT_FILE, model_path, footprint.to_record())
    return f"{made}\n{_footprint_text(footprint)}"


def footprint_of_model(model: Path, *, target: str, options: CompileOptions) -> str:
    """RAM and flash of an int8 model, and the boards it fits, as text."""
    files = compile_int8(int8_model(model), options)
    with tempfile.TemporaryDirectory() as folder:
        return _footprint_text(_measure(files, _cortex_m(target, options), Path(folder)))


def footprint_before_training(
    config_file: Path | None,
    overrides: Sequence[str],
    *,
    num_classes: int | None,
    target: str,
    options: CompileOptions,
) -> str:
    """RAM and flash of a network that is not trained yet, as text.

    Args:
        config_file: Says which network; None takes the defaults of ``tinydet init``.
        overrides: What differs from it, ``key=value``.
        num_classes: None takes the classes that the configuration names.
        target: A Cortex-M target.
        options: How the C is made.

    Raises:
        ConfigError: There is no such network.
        MissingToolError: TensorFlow or Keras is not installed.
    """
    require_training_tools("a footprint before training")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = configured_network(config_file, overrides, folder)
        names = config.dataset.class_names or ("class 0",)
        if num_classes is not None:
            names = tuple(f"class {index}" for index in range(num_classes))
        model_path = untrained_int8(config, names, folder)
        text = footprint_of_model(model_path, target=target, options=options)
    return f"{text}\nFrom random weights: training can only make channels constant, which saves."


def benchmark_model(
    model: Path,
    output: Path,
    *,
    target: str,
    options: CompileOptions,
    image: Path | None = None,
) -> str:
    """Exact instruction count of one inference, per operator.

    Args:
        model: The ``.tflite``, or the folder of a run.
        output: Gets ``benchmark.json``, ``benchmark.png`` and both builds.
        target: A Cortex-M target.
        options: How the C is made.
        image: What to run on; None takes noise. Only the boxes' count depends on it.

    Returns:
        The counts as a table.
    """
    from tinydet.targets import format_benchmark

    return format_benchmark(_benchmark(model, output, target=target, options=options, image=image))


def _benchmark(
    model: Path, output: Path, *, target: str, options: CompileOptions, image: Path | None
) -> "Benchmark":
    from tinydet.targets import benchmark, draw_benchmark

    model_path = int8_model(model)
    files = compile_int8(model_path, options, output / "c")
    result = benchmark(
        _cortex_m(target, options),
        files,
        network_image(image, files.spec.preprocess),
        output / "build",
    )
    how = {"compiler": options.compiler, "input_mode": options.input_mode}
    write_record(output / BENCHMARK_FILE, model_path, result.to_record() | how)
    draw_benchmark(result, output / BENCHMARK_PICTURE_FILE)
    return result


def benchmark_for_board(
    model: Path,
    output: Path,
    board: "Board",
    *,
    image: Path | None = None,
    options: CompileOptions,
) -> str:
    """Instruction counts on the core of a board, and whether the model fits there, as text."""
    from tinydet.targets import fit, format_benchmark, format_footprint

    result = _benchmark(model, output, target=board.target, options=options, image=image)
    footprint = result.footprint
    write_record(output / FOOTPRINT_FILE, int8_model(model), footprint.to_record())
    verdict = fit(board, footprint).verdict()
    counts = format_benchmark(result)
    return f"{counts}\n\n{format_footprint(footprint)}\n\n{board.name}: {verdict}"


def compiled_detector(
    model_path: Path, spec: DetectorSpec, engine: str, folder: Path
) -> "ProgramDetector":
    """The detector in C, for evaluation and prediction.

    Args:
        model_path: The ``.tflite``.
        spec: What it was trained for.
        engine: One of ``C_ENGINES``: ``c`` on this machine, the others on an emulated core.
        folder: Where the builds go.
    """
    from tinydet.compiler import compile_detector
    from tinydet.targets import HostTarget, ProgramDetector, Target

    detector = compile_detector(int8_model(model_path), spec=spec)
    target: Target = HostTarget() if engine == "c" else _cortex_m(engine, CompileOptions())
    return ProgramDetector(target.build(detector, folder / engine))


def _cortex_m(target: str, options: CompileOptions) -> "CortexMTarget":
    from tinydet.targets import CORES, CortexMTarget

    if target not in CORES:
        raise UnsupportedError(
            "--target", repr(target), ", ".join(CORES), "Choose a microcontroller."
        )
    return CortexMTarget(target, compiler=options.compiler)


def _measure(files: "CompiledDetector", target: "CortexMTarget", folder: Path) -> "Footprint":
    from tinydet.targets import measure_footprint

    return measure_footprint(target.build(files, folder))


def _footprint_text(footprint: "Footprint") -> str:
    from tinydet.targets import fit, format_fits, format_footprint, load_boards

    fits = format_fits([fit(board, footprint) for board in load_boards()])
    return f"{format_footprint(footprint)}\n\n{fits}"
