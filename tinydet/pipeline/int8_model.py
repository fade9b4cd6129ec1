"""From an int8 model, or the run that made it, to C: the beginning of all commands for boards."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydet.config.detector_spec import PostprocessSpec, PreprocessSpec
from tinydet.config.files import write_text_atomically
from tinydet.errors import DataError, ModelFileError, UnsupportedError, near_name
from tinydet.pipeline.provenance import package_versions
from tinydet.pretrained import LISTED, NAMES

if TYPE_CHECKING:
    from tinydet.compiler import CompiledDetector
    from tinydet.compiler.memory import InputMode, Objective
    from tinydet.targets.toolchain import Compiler

C_NAME = "detector"  # start of the C names where the user gives none
QUANTIZED_MODEL = Path("quantized_models", "quantized_model.tflite")


@dataclass(frozen=True)
class CompileOptions:
    """How the C is made; None takes what the model or the compiler has.

    Attributes:
        name: Start of the C names.
        class_names: For a model without ``detector.json``.
        score_threshold: Laid over that of the model.
        nms_iou_threshold: Laid over that of the model.
        max_detections: Laid over that of the model.
        optimize: ``balanced``, ``ram`` or ``speed``.
        ram_limit_bytes: Most activation RAM.
        input_mode: Where the image lies.
        compiler: C compiler of the Cortex-M targets.
    """

    name: str = C_NAME
    class_names: tuple[str, ...] | None = None
    score_threshold: float | None = None
    nms_iou_threshold: float | None = None
    max_detections: int | None = None
    optimize: "Objective" = "balanced"
    ram_limit_bytes: int | None = None
    input_mode: "InputMode" = "image"
    compiler: "Compiler" = "zig"


def int8_model(path: Path) -> Path:
    """The ``.tflite`` to compile.

    Args:
        path: The file, or the folder of a run that made one.

    Raises:
        DataError: The folder holds none.
        ModelFileError: There is neither a file nor a folder.
        UnsupportedError: It is another kind of file.
    """
    if path.is_dir():
        model = path / QUANTIZED_MODEL
        if not model.is_file():
            raise DataError(
                path,
                f"holds no {QUANTIZED_MODEL}",
                "Give an int8 .tflite file, or the folder of a run that quantized its model.",
            )
        return model
    if not path.suffix and not path.exists():
        raise ModelFileError(
            path,
            "there is no such file or folder",
            "Give an int8 .tflite file, the folder of a run, or a detector of the package "
            f"({LISTED}).{near_name(str(path), NAMES)}",
        )
    if path.suffix.lower() != ".tflite":
        raise UnsupportedError(
            str(path),
            f"compiling a model file with suffix {path.suffix!r}",
            ".tflite",
            "Quantize a float model first: tinydet quantize.",
        )
    return path


def compile_int8(
    model_path: Path, options: CompileOptions, output: Path | None = None
) -> "CompiledDetector":
    """Translate an int8 model to C.

    Args:
        model_path: The ``.tflite``.
        options: How.
        output: Gets the C files, ``plan.json``, ``arena.png`` and ``detector.json``; None writes
            nothing.

    Raises:
        TinydetError: See ``compile_detector``.
    """
    from tinydet.compiler import CompileOptions as CompilerOptions
    from tinydet.compiler import compile_detector
    from tinydet.pipeline.detector_of import spec_for

    spec = spec_for(model_path, options.class_names)
    given = {
        name: value
        for name in ("score_threshold", "nms_iou_threshold", "max_detections")
        if (value := getattr(options, name)) is not None
    }
    if given:
        merged = PostprocessSpec(**(spec.postprocess.model_dump() | given))
        spec = spec.model_copy(update={"postprocess": merged})
    compiler_options = CompilerOptions(
        name=options.name,
        optimize=options.optimize,
        ram_limit_bytes=options.ram_limit_bytes,
        input_mode=options.input_mode,
    )
    detector = compile_detector(model_path, compiler_options, spec=spec)
    if output is not None:
        detector.save(output)
    return detector


def network_image(path: Path | None, preprocess_spec: PreprocessSpec) -> Any:
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
        return preprocess(read_image(path), preprocess_spec)
    shape = preprocess_spec.height, preprocess_spec.width, 3
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def write_record(path: Path, model_path: Path, record: dict[str, Any]) -> None:
    """Write a measured result as JSON, with the versions it depends on."""
    content = {"model": str(model_path), **record, "versions": package_versions()}
    write_text_atomically(path, json.dumps(content, indent=2) + "\n")
