"""The quantized detector: any .tflite file with scores, deltas and anchors in its outputs."""

import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray
from tinydet.config.detector_spec import DetectorSpec
from tinydet.errors import ModelFileError, UnsupportedError, first_line
from tinydet.inference.decoding import decode_batch, matching_anchors
from tinydet.inference.detector import Engine
from tinydet.inference.output_roles import find_roles
from tinydet.native_log import captured_native_log
from tinydet.tensor_code import AnyArray, TensorCode, pixel_codes

TYPES = (np.float32, np.int8, np.uint8)
IDENTIFIER = slice(4, 8)
DYNAMIC = -1


class TfliteDetector:
    """Runs a ``.tflite`` detector: ours, or one of the published layouts.

    Outputs may be joined ``[B, NA, NC + 8]``, two (scores, deltas) or three (scores, deltas,
    anchors), in any order; float, int8 or uint8; with a fixed or dynamic batch size. Anchors the
    model carries are used as they are (a published file has them rounded to int8), else those of
    the specification's recipe.

    Each thread gets an interpreter of its own.

    Args:
        path: The model file.
        spec: What the model was trained for.
        num_threads: Threads of one interpreter.
        engine: See ``load_detector``.

    Raises:
        ModelFileError: The file is broken, is not a detector, or does not fit the specification.
        UnsupportedError: It uses an operator or a type the engine does not have.
    """

    def __init__(
        self, path: Path, spec: DetectorSpec, *, num_threads: int = 1, engine: Engine = "litert"
    ) -> None:
        self.path, self.spec, self.name = path, spec, path.name
        self._num_threads, self._engine = num_threads, engine
        self._content = _read(path)
        self._of_thread = threading.local()
        interpreter = self._interpreter()
        self._batch = _check_input(interpreter, spec, path)
        details = interpreter.get_input_details()[0]
        self._pixel_codes = pixel_codes(_code(details, path, is_input=True), spec.preprocess)
        self._output_codes = [_code(d, path) for d in interpreter.get_output_details()]
        probe_a, probe_b = (self._run(image[None]) for image in _probe_images(spec))
        self._roles = find_roles(probe_a, probe_b, spec.num_classes, path)
        _, deltas, anchors = self._roles.split(probe_a)
        self._anchors = (
            anchors if anchors is not None else matching_anchors(spec, deltas.shape[1], path)
        )

    def outputs(self, images_u8: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        """See ``Detector.outputs``."""
        scores, boxes = [], []
        for start in range(0, len(images_u8), self._batch):
            block = images_u8[start : start + self._batch]
            class_scores, box_deltas, _ = self._roles.split(self._run(block))
            scores.append(class_scores[: len(block)])
            boxes.append(decode_batch(box_deltas[: len(block)], self._anchors))
        return np.concatenate(scores), np.concatenate(boxes)

    def _run(self, images_u8: npt.NDArray[np.uint8]) -> list[FloatArray]:
        """All outputs as real numbers, for at most one batch of images."""
        interpreter = self._interpreter()
        missing = self._batch - len(images_u8)
        if missing:  # a model with a fixed batch size above 1
            images_u8 = np.concatenate([images_u8, np.repeat(images_u8[-1:], missing, axis=0)])
        inputs = self._pixel_codes[images_u8]
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs)
        try:
            interpreter.invoke()
        except RuntimeError as error:
            raise ModelFileError(
                self.path, f"cannot be run ({first_line(error)})", "Convert the model again."
            ) from error
        return [
            code.decode(interpreter.get_tensor(details["index"]))
            for code, details in zip(
                self._output_codes, interpreter.get_output_details(), strict=True
            )
        ]

    def _interpreter(self) -> Any:
        if not hasattr(self._of_thread, "interpreter"):
            self._of_thread.interpreter = _make_interpreter(
                self._content, self.path, self._num_threads, self._engine
            )
        return self._of_thread.interpreter


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            path, f"cannot be read ({error.strerror or error})", "Correct the path of the model."
        ) from None
    if content[IDENTIFIER] != b"TFL3":
        raise ModelFileError(
            path,
            "is not a .tflite file (the identifier TFL3 is not at byte 4)",
            "Give a file that the TFLite converter or tinydet quantize wrote.",
        )
    return content


def _make_interpreter(content: bytes, path: Path, num_threads: int, engine: Engine) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kernels = OpResolverType.BUILTIN_REF if engine == "litert-ref" else OpResolverType.AUTO
    try:
        with captured_native_log():
            interpreter = Interpreter(
                model_content=content,
                num_threads=num_threads,
                experimental_op_resolver_type=kernels,
            )
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        missing = re.search(r"builtin opcode '(\w+)'|custom op(?:erator)?:? '?(\w+)", str(error))
        if missing:
            raise UnsupportedError(
                str(path),
                f"operator {missing[1] or missing[2]} with engine {engine}",
                "operators that the engine has a kernel for",
                "Use the engine litert, or convert the model with tinydet quantize."
                if engine == "litert-ref"
                else "Convert the model again with built-in operators only.",
            ) from None
        raise ModelFileError(
            path, f"cannot be loaded ({first_line(error)})", "The file is damaged: create it again."
        ) from None
    return interpreter


def read_input_shape(path: Path) -> tuple[int, ...]:
    """Shape of the first input of a ``.tflite``; a dynamic dimension is 1.

    Raises:
        ModelFileError: The file cannot be read, or is not a model.
    """
    interpreter = _make_interpreter(_read(path), path, 1, "litert")
    return tuple(int(side) for side in interpreter.get_input_details()[0]["shape"])


def read_input_code(path: Path) -> TensorCode:
    """How the first input of a ``.tflite`` writes real numbers.

    Raises:
        ModelFileError: The file cannot be read, or is not a model.
        UnsupportedError: Its input has a type of no detector.
    """
    interpreter = _make_interpreter(_read(path), path, 1, "litert")
    return _code(interpreter.get_input_details()[0], path, is_input=True)


def _check_input(interpreter: Any, spec: DetectorSpec, path: Path) -> int:
    """The batch size of a model whose input fits the specification (1 where it is dynamic)."""
    inputs = interpreter.get_input_details()
    height, width = spec.input_size
    shapes = [tuple(int(n) for n in details["shape"]) for details in inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][1:] != (height, width, 3):
        found = ", ".join("x".join(map(str, shape)) for shape in shapes)
        raise ModelFileError(
            path,
            f"its input is {found}, but the preprocessing gives 1x{height}x{width}x3",
            "Give a detector with one input of 3 channels, and the height and width it was "
            "trained with.",
        )
    signature = inputs[0].get("shape_signature", shapes[0])
    return 1 if len(signature) and signature[0] == DYNAMIC else shapes[0][0]


def _code(details: dict[str, Any], path: Path, *, is_input: bool = False) -> TensorCode:
    dtype, name = np.dtype(details["dtype"]), details["name"]
    if dtype.type not in TYPES:
        raise UnsupportedError(
            str(path), f"tensor {name!r} of type {dtype}", "float32, int8, uint8", "Convert again."
        )
    parameters = details["quantization_parameters"]
    if len(parameters["scales"]) != 1:
        if dtype.type == np.float32 or (is_input and dtype.type == np.uint8):
            return TensorCode(dtype)
        raise ModelFileError(
            path,
            f"tensor {name!r} is {dtype} and has no scale",
            "Convert the model again, with a quantized input and output.",
        )
    return TensorCode(dtype, float(parameters["scales"][0]), int(parameters["zero_points"][0]))


def _probe_images(spec: DetectorSpec) -> tuple[AnyArray, AnyArray]:
    """Two images that any detector tells apart: all black, and a coarse pattern of colours."""
    height, width = spec.input_size
    rows, columns, channels = np.ogrid[:height, :width, :3]
    pattern = (rows // 8 * 37 + columns // 16 * 91 + channels * 80) % 256
    return np.zeros((height, width, 3), np.uint8), pattern.astype(np.uint8)
