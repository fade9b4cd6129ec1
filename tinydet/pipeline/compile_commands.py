"""The commands around the compiler: C files, memory, instruction counts, evaluation of the C."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydet.config.detector_spec import (
    ALPHAS,
    DETECTOR_FILE,
    SIDES_PX,
    DetectorSpec,
    PostprocessSpec,
    PreprocessSpec,
)
from tinydet.config.files import make_folder, write_text_atomically
from tinydet.errors import UnsupportedError
from tinydet.pipeline.provenance import package_versions
from tinydet.pipeline.train_stage import require_training_tools

if TYPE_CHECKING:
    from tinydet.compiler.compile import CompiledFiles
    from tinydet.targets import CompiledDetector, CortexMTarget, Footprint
    from tinydet.targets.toolchain import Compiler

C_ENGINES = ("c", "cortex-m4", "cortex-m7", "cortex-m33")
TARGETS = ("host", "cortex-m4", "cortex-m7", "cortex-m33")
C_NAME = "detector"  # start of the C names where the user gives none
FOOTPRINT_FILE, BENCHMARK_FILE = "footprint.json", "benchmark.json"
NUM_NOISE_IMAGES = 4  # calibrate a model of random weights; no weight or byte depends on them


def compile_to_c(
    model_path: Path,
    output: Path,
    *,
    target: str,
    name: str = C_NAME,
    class_names: Sequence[str] | None = None,
    postprocess: dict[str, Any] | None = None,
    compiler: "Compiler" = "zig",
) -> str:
    """Translate an int8 model to C and build it for a target.

    Args:
        model_path: The ``.tflite``.
        output: Gets the C files, ``plan.json``, ``arena.png``, ``detector.json``,
            ``build/<target>`` and, for a microcontroller, ``footprint.json``.
        target: One of ``TARGETS``.
        name: Start of the C names.
        class_names: For a model without ``detector.json``.
        postprocess: Thresholds that are compiled in, laid over those of the model.
        compiler: C compiler of the Cortex-M targets.

    Returns:
        What was made, as text.
    """
    files = _compile(model_path, output, name, class_names, postprocess)
    made = f"C files: {output.resolve()} ({len(files.sources)} files, {name}_detect in {name}.h)"
    folder = output / "build" / target
    if target == "host":
        from tinydet.targets import HostTarget
        from tinydet.targets.adopt import adopt

        HostTarget().build(adopt(files), folder)
        return f"{made}\nBuilt for this machine: {folder.resolve()}"
    footprint = _measure(files, _cortex_m(target, compiler), folder)
    _write_record(output / FOOTPRINT_FILE, model_path, footprint.to_record())
    return f"{made}\n{_footprint_text(footprint)}"


def footprint_of_model(
    model_path: Path, *, target: str, class_names: Sequence[str] | None = None
) -> str:
    """RAM and flash of an int8 model, and the boards it fits, as text."""
    with tempfile.TemporaryDirectory() as folder:
        files = _compile(model_path, Path(folder) / "c", C_NAME, class_names, None)
        return _footprint_text(_measure(files, _cortex_m(target), Path(folder) / "build"))


def footprint_before_training(
    *, alpha: float, height: int, width: int, num_classes: int, target: str
) -> str:
    """RAM and flash of a network that is not trained yet, as text.

    The network is built with random weights and quantized on noise. Layout and sizes are those of
    a trained one, except that training may leave constant channels, which take no memory.

    Raises:
        MissingToolError: TensorFlow or Keras is not installed.
        UnsupportedError: There is no such network.
    """
    _require_one_of("--alpha", alpha, ALPHAS)
    _require_one_of("--input", height, SIDES_PX)
    _require_one_of("--input", width, SIDES_PX)
    require_training_tools("a footprint before training")
    names = tuple(f"class {index}" for index in range(num_classes))
    preprocess = PreprocessSpec(height=height, width=width)
    spec = DetectorSpec(class_names=names, alpha=alpha, preprocess=preprocess)
    with tempfile.TemporaryDirectory() as folder:
        model_path = _random_model(spec, Path(folder))
        text = footprint_of_model(model_path, target=target)
    return f"{text}\nFrom random weights: training can only make channels constant, which saves."


def benchmark_model(
    model_path: Path,
    output: Path,
    *,
    target: str,
    image: Path | None = None,
    class_names: Sequence[str] | None = None,
    compiler: "Compiler" = "zig",
) -> str:
    """Exact instruction count of one inference, per operator.

    Args:
        model_path: The ``.tflite``.
        output: Gets ``benchmark.json`` and both builds.
        target: A Cortex-M target.
        image: What to run on; None takes noise. Only the boxes' count depends on it.
        class_names: For a model without ``detector.json``.
        compiler: C compiler.

    Returns:
        The counts as a table.
    """
    from tinydet.targets import benchmark, format_benchmark
    from tinydet.targets.adopt import adopt, count_macs

    files = _compile(model_path, output / "c", C_NAME, class_names, None)
    macs = count_macs(files.model.graph)
    result = benchmark(
        _cortex_m(target, compiler),
        adopt(files),
        _image(image, files.spec.preprocess),
        output / "build",
    )
    record = result.to_record() | {"macs": sum(macs.values()), "compiler": compiler}
    _write_record(output / BENCHMARK_FILE, model_path, record)
    return format_benchmark(result, macs)


def compiled_detector(
    model_path: Path, spec: DetectorSpec, engine: str, folder: Path
) -> "CompiledDetector":
    """The detector in C, for evaluation and prediction.

    Args:
        model_path: The ``.tflite``.
        spec: What it was trained for.
        engine: One of ``C_ENGINES``: ``c`` on this machine, the others on an emulated core.
        folder: Where C files and builds go.
    """
    from tinydet.compiler.compile import compile_model
    from tinydet.targets import CompiledDetector, HostTarget, Target
    from tinydet.targets.adopt import adopt

    _require_tflite(model_path)
    model = adopt(compile_model(model_path, folder / "c", name=C_NAME, spec=spec, picture=False))
    target: Target = HostTarget() if engine == "c" else _cortex_m(engine)
    return CompiledDetector(model, target.build(model, folder / engine))


def _compile(
    model_path: Path,
    output: Path,
    name: str,
    class_names: Sequence[str] | None,
    postprocess: dict[str, Any] | None,
) -> "CompiledFiles":
    from tinydet.compiler.compile import compile_model
    from tinydet.pipeline.detector_of import spec_for

    _require_tflite(model_path)
    spec = spec_for(model_path, class_names)
    given = {key: value for key, value in (postprocess or {}).items() if value is not None}
    if given:
        merged = PostprocessSpec(**(spec.postprocess.model_dump() | given))
        spec = spec.model_copy(update={"postprocess": merged})
    return compile_model(model_path, make_folder(output), name=name, spec=spec)


def _cortex_m(target: str, compiler: "Compiler" = "zig") -> "CortexMTarget":
    from tinydet.targets import CORES, CortexMTarget

    if target not in CORES:
        raise UnsupportedError(
            "--target", repr(target), ", ".join(CORES), "Choose a microcontroller."
        )
    return CortexMTarget(target, compiler=compiler)


def _measure(files: "CompiledFiles", target: "CortexMTarget", folder: Path) -> "Footprint":
    from tinydet.targets import measure_footprint
    from tinydet.targets.adopt import adopt

    return measure_footprint(target.build(adopt(files), folder))


def _footprint_text(footprint: "Footprint") -> str:
    from tinydet.targets import fit, format_fits, format_footprint, load_boards

    fits = format_fits([fit(board, footprint) for board in load_boards()])
    return f"{format_footprint(footprint)}\n\n{fits}"


def _image(path: Path | None, preprocess_spec: PreprocessSpec) -> Any:
    """A preprocessed image ``[H, W, 3]`` uint8 of the network's input size."""
    from tinydet.data.images import read_image
    from tinydet.data.preprocess import preprocess

    if path is not None:
        return preprocess(read_image(path), preprocess_spec)
    return _noise(preprocess_spec, 0)


def _noise(spec: PreprocessSpec, seed: int) -> Any:
    import numpy as np

    return np.random.default_rng(seed).integers(0, 256, (spec.height, spec.width, 3), np.uint8)


def _random_model(spec: DetectorSpec, folder: Path) -> Path:
    """An int8 model of random weights, with its ``detector.json``."""
    from PIL import Image

    from tinydet.model.detector import build_detector
    from tinydet.quantization import quantize

    height, width = spec.input_size
    path = folder / "random.keras"
    build_detector(height, width, spec.num_classes, alpha=spec.alpha or 0.35).save(path)
    spec.save(folder / DETECTOR_FILE)
    images = [folder / f"noise_{index}.png" for index in range(NUM_NOISE_IMAGES)]
    for index, image in enumerate(images):
        Image.fromarray(_noise(spec.preprocess, index)).save(image)
    return quantize(path, images, folder / "quantized")


def _require_one_of(option: str, value: float, supported: Sequence[float]) -> None:
    if value not in supported:
        listed = ", ".join(map(str, supported))
        raise UnsupportedError(option, str(value), listed, "Choose one of these.")


def _require_tflite(model_path: Path) -> None:
    if model_path.suffix.lower() != ".tflite":
        raise UnsupportedError(
            str(model_path),
            f"compiling a model file with suffix {model_path.suffix!r}",
            ".tflite",
            "Quantize a float model first: tinydet quantize.",
        )


def _write_record(path: Path, model_path: Path, record: dict[str, Any]) -> None:
    versions = package_versions() | _compiler_versions()
    content = {"model": str(model_path), **record, "versions": versions}
    write_text_atomically(path, json.dumps(content, indent=2) + "\n")


def _compiler_versions() -> dict[str, str | None]:
    from importlib.metadata import PackageNotFoundError, version

    versions: dict[str, str | None] = {}
    for package in ("ziglang", "unicorn", "pyelftools"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return versions
