"""From an int8 model, or the run that made it, to C: the beginning of all work for boards."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from tinydet.config.detector_spec import (
    OTHER_MODEL_SUFFIXES,
    TFLITE_SUFFIXES,
    DetectorSpec,
    PostprocessSpec,
    PreprocessSpec,
)
from tinydet.config.files import write_text_atomically
from tinydet.errors import DataError, ModelFileError, UnsupportedError, near_name
from tinydet.pretrained import INT8, LISTED, NAMES, model_path
from tinydet.versions import package_versions

if TYPE_CHECKING:
    from tinydet.compiler import CompiledDetector, CompiledNetwork
    from tinydet.targets import Footprint, Program, ProgramDetector
    from tinydet.targets.base import CodeArray, NetworkProgram
    from tinydet.targets.toolchain import Compiler

IOU_AND_SCORE_OPTIONS = {
    "score_threshold": "--score",
    "nms_iou_threshold": "--nms-iou",
    "box_voting_iou": "--box-voting",
}
QUANTIZED_MODEL = Path("quantized_models", "quantized_model.tflite")


def int8_model(model: str | Path) -> Path:
    """The ``.tflite`` to compile.

    Args:
        model: The file, the folder of a run that made one, or a bundled detector by name.

    Raises:
        DataError: The folder contains none.
        ModelFileError: There is neither a file nor a folder.
        UnsupportedError: It is another kind of file.
    """
    path = model_path(model, INT8)
    if path.is_dir():
        found = path / QUANTIZED_MODEL
        if not found.is_file():
            raise DataError(
                path,
                f"contains no {QUANTIZED_MODEL}",
                "Give an int8 .tflite file, or the folder of a run that quantized its model.",
            )
        return found
    if not path.suffix and not path.exists():
        raise ModelFileError(
            path,
            "there is no such file or folder",
            "Give an int8 .tflite file, the folder of a run, or a bundled detector "
            f"({LISTED}).{near_name(str(path), NAMES)}",
        )
    if path.suffix.lower() not in TFLITE_SUFFIXES:
        raise UnsupportedError(
            str(path),
            f"compiling a model file with suffix {path.suffix!r}",
            ", ".join(TFLITE_SUFFIXES),
            "Convert it to an int8 .tflite file."
            if path.suffix.lower() in OTHER_MODEL_SUFFIXES
            else "Quantize a float model first: tinydet quantize.",
        )
    if not path.is_file():
        raise ModelFileError(path, "there is no such file", "Correct the path of the model.")
    return path


def with_thresholds(spec: DetectorSpec, values: Mapping[str, float | int | None]) -> DetectorSpec:
    """A detector with other thresholds; None keeps one, and 0 switches box voting off.

    Args:
        spec: The detector.
        values: Fields of ``PostprocessSpec``; other names are passed over.

    Raises:
        UnsupportedError: A threshold is out of its range.
    """
    names = PostprocessSpec.model_fields
    given: dict[str, Any] = {n: values[n] for n in names if values.get(n) is not None}
    for name, option in IOU_AND_SCORE_OPTIONS.items():
        if not 0 <= given.get(name, 0) <= 1:
            raise UnsupportedError(option, str(given[name]), "0 to 1", "Choose one of these.")
    if given.get("max_detections", 1) < 1:
        found = str(given["max_detections"])
        raise UnsupportedError("--max-detections", found, "1 or more", "Choose one of these.")
    if given.get("box_voting_iou") == 0:
        given["box_voting_iou"] = None
    postprocess = PostprocessSpec(**(spec.postprocess.model_dump() | given))
    return spec.model_copy(update={"postprocess": postprocess})


@overload
def build(
    network: "CompiledDetector", target: str, folder: Path, compiler: "Compiler" = "zig"
) -> "Program": ...


@overload
def build(
    network: "CompiledNetwork", target: str, folder: Path, compiler: "Compiler" = "zig"
) -> "NetworkProgram": ...


def build(
    network: "CompiledNetwork", target: str, folder: Path, compiler: "Compiler" = "zig"
) -> "NetworkProgram":
    """Build the C of a network or detector.

    Args:
        network: The network.
        target: ``host``, or a Cortex-M core.
        folder: Gets sources and program.
        compiler: Of a Cortex-M core.
    """
    from tinydet.targets import CortexMTarget, HostTarget

    if target == "host":
        return HostTarget().build(network, folder)
    return CortexMTarget(target, compiler=compiler).build(network, folder)


def footprint_of(
    network: "CompiledNetwork", target: str, folder: Path, compiler: "Compiler"
) -> "Footprint":
    """RAM and flash of a network on a Cortex-M core, measured on its program."""
    from tinydet.targets import CortexMTarget, measure_footprint

    return measure_footprint(CortexMTarget(target, compiler=compiler).build(network, folder))


def footprint_text(footprint: "Footprint") -> str:
    """A footprint and the boards that it fits."""
    from tinydet.targets import fit, format_fits, format_footprint, load_boards

    fits = format_fits([fit(board, footprint) for board in load_boards()])
    return f"{format_footprint(footprint)}\n\n{fits}"


def compiled_detector(
    model: str | Path, spec: DetectorSpec, engine: str, folder: Path
) -> "ProgramDetector":
    """The detector in C, for evaluation and prediction.

    Args:
        model: See ``int8_model``.
        spec: What it was trained for.
        engine: ``c`` on this machine, or the name of an emulated core.
        folder: Where the builds go.
    """
    from tinydet.compiler import CompileOptions, compile_detector
    from tinydet.targets import program_detector

    # This machine has memory enough; its vectors want whole tensors, not a row at a time.
    is_host = engine == "c"
    options = CompileOptions(optimize="speed") if is_host else CompileOptions(core=engine)
    detector = compile_detector(int8_model(model), options, spec=spec)
    target = "host" if is_host else engine
    return program_detector(build(detector, target, folder / engine))


def network_image(path: str | Path | None, preprocess_spec: PreprocessSpec) -> Any:
    """A preprocessed image, ``[H, W, 3]`` uint8 of the network's input size.

    Args:
        path: An image file; None gives noise, the same every time.
        preprocess_spec: How images come to the network.

    Raises:
        DataError: The file cannot be read.
    """
    import numpy as np

    from tinydet.data.images import read_image
    from tinydet.data.preprocess import preprocess

    if path is not None:
        return preprocess(read_image(Path(path)), preprocess_spec)
    shape = preprocess_spec.height, preprocess_spec.width, 3
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def network_input(network: "CompiledNetwork", image: str | Path | None) -> "CodeArray":
    """What a network is measured on: for a detector an image, see ``network_image``; else noise."""
    from tinydet.compiler import CompiledDetector
    from tinydet.targets.footprint import noise

    if isinstance(network, CompiledDetector):
        pixels: CodeArray = network_image(image, network.spec.preprocess)
        return pixels
    return noise(network)


def write_record(path: Path, model_path: str | Path, record: dict[str, Any]) -> None:
    """Write a measured result as JSON, with the versions it depends on."""
    content = {"model": str(model_path), **record, "versions": package_versions()}
    write_text_atomically(path, json.dumps(content, indent=2) + "\n")
