"""Making a published ``.tflite`` runnable: its last operator cut off, its constants folded."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from tinydet.boxes import FloatArray
from tinydet.errors import ModelFileError, first_line
from tinydet.inference.post_processing import (
    NUM_INPUTS,
    OPERATOR,
    REMEDY,
    PostProcessing,
    read_post_processing,
)
from tinydet.inference.tflite_file import (
    constant,
    only_graph,
    operator_name,
    pack_model,
    parse_model,
    run_with_tensors,
    scale_and_zero_point,
)


def cut_post_processing(content: bytes, path: Path) -> tuple[bytes, PostProcessing | None]:
    """The network in front of ``TFLite_Detection_PostProcess``, and what the operator is told.

    Args:
        content: All bytes of a ``.tflite`` file.
        path: The file, for messages.

    Returns:
        A file with the outputs ``[box codes, class scores]``; the content as it is, and None,
        where it does not end in this operator.

    Raises:
        ModelFileError: The file is damaged, or the operator lacks an input or an option.
        UnsupportedError: Its anchors depend on the image.
    """
    if OPERATOR.encode() not in content:
        return content, None
    model = _parsed(content, path)
    graph = only_graph(model, path)
    last = [op for op in graph.operators if _custom_name(model, op) == OPERATOR]
    if not last:
        return content, None
    operator = last[0]
    if len(last) > 1 or len(operator.inputs) != NUM_INPUTS or -1 in operator.inputs:
        raise ModelFileError(path, f"has a damaged operator {OPERATOR}", REMEDY)
    described = _described(model, graph, operator, path)
    graph.operators.remove(operator)
    graph.outputs = np.array(operator.inputs[:2], np.int32)
    return pack_used(model, graph), described


def fold_constants(content: bytes, path: Path) -> bytes:
    """The same network, with constants where no image counts; for one image at a time.

    Published files repeat their anchors for each image of a batch, by operators that the
    reference kernels do not have in all versions. LiteRT's optimised kernels compute them, once.

    Raises:
        ModelFileError: The file is damaged.
    """
    model = _parsed(content, path)
    graph = only_graph(model, path)
    folded, known = [], {i for i, t in enumerate(graph.tensors) if _is_constant(model, t)}
    for operator in graph.operators:
        read = [int(i) for i in operator.inputs if i >= 0]
        if operator_name(model, operator) == "SHAPE" or (read and known.issuperset(read)):
            folded.append(operator)
            known.update(int(i) for i in operator.outputs)
    if not folded:
        return content
    for tensor in graph.tensors:
        tensor.shapeSignature = None
    shape = [int(side) for side in graph.tensors[graph.inputs[0]].shape]
    dtype = np.dtype(_input_type(graph))
    values = next(iter(run_with_tensors(pack_model(model), [np.zeros(shape, dtype)])))
    for operator in folded:
        for index in map(int, operator.outputs):
            _make_constant(model, graph.tensors[index], values(index))
    graph.operators = [op for op in graph.operators if not any(op is each for each in folded)]
    return pack_used(model, graph)


def pack_used(model: Any, graph: Any) -> bytes:
    """The content, without what refers to operators that are gone."""
    used = sorted({operator.opcodeIndex for operator in graph.operators})
    model.operatorCodes = [model.operatorCodes[index] for index in used]
    for operator in graph.operators:
        operator.opcodeIndex = used.index(operator.opcodeIndex)
    model.signatureDefs = None  # they name outputs
    return pack_model(model)


def _is_constant(model: Any, tensor: Any) -> bool:
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def _parsed(content: bytes, path: Path) -> Any:
    try:
        return parse_model(content)
    except Exception as error:  # whatever damaged content makes the generated reader raise
        raise ModelFileError(
            path, f"is damaged ({first_line(error)})", "Copy or convert the file again."
        ) from None


def _custom_name(model: Any, operator: Any) -> str | None:
    code = model.operatorCodes[operator.opcodeIndex].customCode
    return code.decode("utf-8", "replace") if isinstance(code, bytes) else code


def _described(model: Any, graph: Any, operator: Any, path: Path) -> PostProcessing:
    try:
        anchors = _real_values(model, graph.tensors[operator.inputs[2]])
    except ValueError:
        raise ModelFileError(
            path, "is damaged (its anchors do not have the size stated)", REMEDY
        ) from None
    raw = operator.customOptions
    return read_post_processing(b"" if raw is None else bytes(raw), anchors, path)


def _real_values(model: Any, tensor: Any) -> FloatArray | None:
    values = constant(model, tensor)
    if values is None or values.dtype == np.float32:
        return values
    code = scale_and_zero_point(tensor)
    if code is None:
        return None
    scale, zero_point = code
    real: FloatArray = (values.astype(np.float32) - zero_point) * np.float32(scale)
    return real


def _input_type(graph: Any) -> Any:
    types = {schema.TensorType.INT8: np.int8, schema.TensorType.UINT8: np.uint8}
    return types.get(graph.tensors[graph.inputs[0]].type, np.float32)


def _make_constant(model: Any, tensor: Any, values: npt.NDArray[Any]) -> None:
    raw = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
    model.buffers.append(schema.BufferT(data=raw))
    tensor.buffer = len(model.buffers) - 1
    tensor.shape = np.array(values.shape, np.int32)
