"""Reading, writing and running .tflite files as objects of the schema."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from tinydet.errors import ModelFileError
from tinydet.native_log import captured_native_log

IDENTIFIER = b"TFL3"
BUFFER_ALIGNMENT = 16  # bytes; the schema demands it, and devices read weights in place
NUMPY_TYPES: dict[int, Any] = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.INT32: np.int32,
    schema.TensorType.INT64: np.int64,
    schema.TensorType.INT8: np.int8,
    schema.TensorType.UINT8: np.uint8,
}
_NAMES = {
    enum: {value: name for name, value in vars(enum).items() if not name.startswith("_")}
    for enum in (schema.TensorType, schema.BuiltinOperator)
}


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]  # the schema has no types
    """A buffer whose data start at a multiple of 16 bytes (Python's writer ignores the schema)."""

    def Pack(self, builder: Any) -> Any:  # noqa: N802 - name of the schema
        if self.data is None or len(self.data) == 0:
            return super().Pack(builder)
        data = np.ascontiguousarray(self.data, np.uint8)
        builder.StartVector(1, len(data), BUFFER_ALIGNMENT)
        builder.head = builder.head - len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data.tobytes()
        vector = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)
        return schema.BufferEnd(builder)


def parse_model(content: bytes) -> Any:
    """The ``ModelT`` of a .tflite file's content."""
    return schema.ModelT.InitFromPackedBuf(content)


def has_scales_per_channel(content: bytes) -> bool:
    """Whether some tensor of a .tflite file's content has more than one scale."""
    graphs = parse_model(content).subgraphs
    tensors = (tensor for graph in graphs for tensor in graph.tensors)
    scales = (tensor.quantization and tensor.quantization.scale for tensor in tensors)
    return any(each is not None and len(each) > 1 for each in scales)


def pack_model(model: Any) -> bytes:
    """The content of a .tflite file, every buffer aligned as the schema demands."""
    for buffer in model.buffers:
        buffer.__class__ = _AlignedBuffer
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def only_graph(model: Any, where: object) -> Any:
    """The ``SubGraphT`` of a model that has exactly one.

    Raises:
        ModelFileError: It has more (control flow, several signatures).
    """
    if len(model.subgraphs) != 1:
        raise ModelFileError(
            where,
            f"has {len(model.subgraphs)} graphs instead of one",
            "Convert a network with a single graph.",
        )
    return model.subgraphs[0]


def constant(model: Any, tensor: Any) -> npt.NDArray[Any] | None:
    """The values of a constant tensor in its shape, None for a computed one."""
    data = model.buffers[tensor.buffer].data
    if data is None or len(data) == 0:
        return None
    values = np.frombuffer(bytes(data), NUMPY_TYPES.get(tensor.type, np.uint8))
    return values.reshape(tensor.shape) if tensor.type in NUMPY_TYPES else values


def tensor_name(tensor: Any) -> str:
    """Name of a tensor as text."""
    name = tensor.name or b""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def type_name(tensor: Any) -> str:
    """``"INT8"``, ``"FLOAT32"``, ..."""
    return str(_NAMES[schema.TensorType].get(tensor.type, tensor.type))


def operator_name(model: Any, operator: Any) -> str:
    """``"CONV_2D"``, ``"TILE"``, ..."""
    code = model.operatorCodes[operator.opcodeIndex]
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)  # files before 2020 have the latter
    return str(_NAMES[schema.BuiltinOperator].get(builtin, builtin))


def scale_and_zero_point(tensor: Any) -> tuple[float, int] | None:
    """``(scale, zero_point)`` of a tensor quantized as a whole, None where it states none."""
    parameters = tensor.quantization
    if parameters is None or parameters.scale is None or len(parameters.scale) != 1:
        return None
    return float(parameters.scale[0]), int(parameters.zeroPoint[0])


TensorReader = Callable[[int], npt.NDArray]  # type: ignore[type-arg]  # any type of number
THREADS = 4  # of one image; more do not help networks this small


def run_with_tensors(
    content: bytes,
    inputs: Iterable[npt.NDArray],  # type: ignore[type-arg]
) -> Iterator[TensorReader]:
    """Run a network on one input after the other.

    Args:
        content: Of a ``.tflite`` with one input, float or int8.
        inputs: Of the type and shape of the network's input.

    Yields:
        For each input a function from the number of a tensor to its values, valid until the next
        input is taken.
    """
    with captured_native_log():
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        interpreter = Interpreter(
            model_content=content,
            experimental_preserve_all_tensors=True,
            # A delegate runs many operators as one and keeps nothing of what is between them.
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            num_threads=min(THREADS, os.cpu_count() or 1),
        )
        interpreter.allocate_tensors()
    place = interpreter.get_input_details()[0]["index"]
    for values in inputs:
        interpreter.set_tensor(place, values)
        interpreter.invoke()
        yield interpreter.get_tensor
