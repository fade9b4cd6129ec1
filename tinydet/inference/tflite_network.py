"""A ``.tflite`` file of any kind, run on pixels: real numbers out."""

import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray
from tinydet.data.input_files import refuse_pointer
from tinydet.errors import ModelFileError, UnsupportedError, first_line
from tinydet.inference.detector import Engine
from tinydet.native_log import captured_native_log
from tinydet.tensor_code import AnyArray, TensorCode
from tinydet.tflite_format import MalformedError, check_structure

TYPES = (np.float32, np.int8, np.uint8)
IDENTIFIER = slice(4, 8)
DYNAMIC = -1
RGB = 3


class TfliteNetwork:
    """Runs the content of a ``.tflite`` file.

    Each thread gets an interpreter of its own.

    Args:
        content: All bytes of the file, or of what was made of it.
        path: The file, for messages.
        num_threads: Threads of one interpreter.
        engine: See ``load_detector``.

    Raises:
        ModelFileError: The content is broken, or a tensor of it states no scale.
        UnsupportedError: It uses an operator or a type the engine does not have.
    """

    def __init__(
        self, content: bytes, path: Path, *, num_threads: int = 1, engine: Engine = "litert"
    ) -> None:
        self.content, self.path = content, path
        self._num_threads, self._engine = num_threads, engine
        self._of_thread = threading.local()
        interpreter = self._interpreter()
        try:
            self._inputs, outputs = (
                interpreter.get_input_details(),
                interpreter.get_output_details(),
            )
        except UnicodeDecodeError:
            raise ModelFileError(
                path, "is damaged (the name of a tensor is no text)", "Copy or convert it again."
            ) from None
        self._input_codes = [_code(details, path, is_input=True) for details in self._inputs]
        self._output_codes = [_code(d, path) for d in outputs]

    @property
    def input_shapes(self) -> list[tuple[int, ...]]:
        """Shape of each input; a dynamic dimension is 1."""
        return [tuple(int(side) for side in details["shape"]) for details in self._inputs]

    @property
    def input_code(self) -> TensorCode:
        """How the first input writes real numbers."""
        return self._input_codes[0]

    @property
    def batch(self) -> int:
        """Images of one run; 1 where the file leaves it open."""
        details = self._inputs[0]
        signature = details.get("shape_signature", details["shape"])
        return 1 if len(signature) and signature[0] == DYNAMIC else int(details["shape"][0])

    @property
    def takes_images(self) -> bool:
        """Whether there is one input, and it is a colour image."""
        shapes = self.input_shapes
        return len(shapes) == 1 and len(shapes[0]) == 4 and shapes[0][3] == RGB

    def run(self, inputs: AnyArray) -> list[FloatArray]:
        """All outputs as real numbers.

        Args:
            inputs: Codes, or real numbers for a float input, of at most one batch.

        Raises:
            ModelFileError: An operator cannot do its work.
        """
        interpreter = self._interpreter()
        missing = self.batch - len(inputs)
        if missing > 0:  # a model with a fixed batch size above 1
            inputs = np.concatenate([inputs, np.repeat(inputs[-1:], missing, axis=0)])
        try:
            interpreter.set_tensor(self._inputs[0]["index"], inputs)
            interpreter.invoke()
            values = [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]
        except (RuntimeError, ValueError) as error:
            raise ModelFileError(
                self.path, f"cannot be run ({first_line(error)})", "Convert the model again."
            ) from error
        return [code.decode(one) for code, one in zip(self._output_codes, values, strict=True)]

    def probe(self) -> tuple[list[FloatArray], list[FloatArray]]:
        """The outputs for two inputs that any network for images tells apart.

        All black and a coarse pattern of colours, in the codes of the input itself, so that no
        rescaling can make them the same.
        """
        _, height, width, channels = self.input_shapes[0]
        rows, columns, depth = np.ogrid[:height, :width, :channels]
        pattern = (rows // 8 * 37 + columns // 16 * 91 + depth * 80) % 256
        dtype = self.input_code.dtype
        if self.input_code.is_float:
            levels = np.linspace(-1, 1, 256, dtype=dtype)
        else:
            levels = np.arange(256) + np.iinfo(dtype).min
        images = (np.zeros_like(pattern), pattern)
        black, colours = (self.run(levels[image].astype(dtype)[None]) for image in images)
        return black, colours

    def _interpreter(self) -> Any:
        if not hasattr(self._of_thread, "interpreter"):
            self._of_thread.interpreter = _make_interpreter(
                self.content, self.path, self._num_threads, self._engine
            )
        return self._of_thread.interpreter


def read_content(path: Path) -> bytes:
    """All bytes of a ``.tflite`` file.

    Raises:
        ModelFileError: It cannot be read, or is none by its identifier.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            path, f"cannot be read ({error.strerror or error})", "Correct the path of the model."
        ) from None
    refuse_pointer(path)
    if content[IDENTIFIER] != b"TFL3":
        raise ModelFileError(
            path,
            "is not a .tflite file (the identifier TFL3 is not at byte 4)",
            "Give a file that the TFLite converter or tinydet quantize wrote.",
        )
    try:
        check_structure(content)
    except MalformedError as error:
        raise ModelFileError(
            path, f"is damaged ({error})", "Copy or convert the file again."
        ) from None
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
        if "Select TensorFlow op" in str(error):
            raise _missing_operator("of TensorFlow (Flex)", path, engine) from None
        missing = re.search(
            r"builtin opcode '(\w+)'|custom op(?:erator)?:? '?([\w-]+)", str(error), re.IGNORECASE
        )
        if missing:
            raise _missing_operator(missing[1] or missing[2], path, engine) from None
        raise ModelFileError(
            path, f"cannot be loaded ({first_line(error)})", "The file is damaged: create it again."
        ) from None
    return interpreter


# Custom operators that say for which machine a file was compiled, so that it runs on no other.
COMPILED_FOR = {"ethos-u": "an Ethos-U (by Vela)", "edgetpu-custom-op": "an Edge TPU"}


def _missing_operator(name: str, path: Path, engine: Engine) -> UnsupportedError | ModelFileError:
    machine = COMPILED_FOR.get(name)
    if machine is not None:
        return ModelFileError(
            path,
            f"is compiled for {machine} and runs on nothing else",
            "Give the .tflite file that it was compiled from.",
        )
    return UnsupportedError(
        str(path),
        f"operator {name} with engine {engine}",
        "operators that the engine has a kernel for",
        "Use the engine litert, or convert the model with tinydet quantize."
        if engine == "litert-ref"
        else "Convert the model again with built-in operators only.",
    )


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


def pixel_blocks(
    images_u8: npt.NDArray[np.uint8], codes: AnyArray, batch: int
) -> "list[tuple[AnyArray, int]]":
    """The inputs of one run after the other, and how many images each has.

    Args:
        images_u8: Preprocessed images ``[B, H, W, 3]``.
        codes: The 256 input codes of the pixel values.
        batch: Images of one run.
    """
    starts = range(0, len(images_u8), batch)
    blocks = (images_u8[start : start + batch] for start in starts)
    return [(codes[block], len(block)) for block in blocks]
