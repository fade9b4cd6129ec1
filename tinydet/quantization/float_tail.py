"""What follows the int8 network in float: the join with the anchors, or the operator of boxes.

One int8 tensor for the three would force one scale on them: a box corner would then move by up to
0.006 of the image. The converter cannot be told to leave the join in float, so it is appended to
the finished file: DEQUANTIZE, DEQUANTIZE, CONCATENATION with constant anchors; or, for networks
that say themselves how boxes are made, DEQUANTIZE, DEQUANTIZE, TFLite_Detection_PostProcess.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tinydet.boxes import FloatArray
from tinydet.inference.post_processing import OPERATOR, PostProcessing
from tinydet.inference.tflite_file import operator_name
from tinydet.quantization.folded_network import PROBABILITIES

DETECTIONS = "detections"
COLUMN_AXIS = 2
DEQUANTIZE_INT8_VERSION = 2
MAX_OLD_CODE = 127  # operators beyond it stand only in the newer field


def order_outputs(model: Any) -> None:
    """Bring the outputs into the order scores, deltas; a softmax or sigmoid makes scores."""
    graph = model.subgraphs[0]
    graph.outputs = sorted(graph.outputs, key=lambda index: not _are_scores(model, graph, index))


def append_float_tail(model: Any, anchors: FloatArray) -> None:
    """Replace the outputs scores and deltas by ``[1, NA, NC scores | 4 deltas | 4 anchors]``.

    Args:
        model: ``ModelT`` whose outputs are int8 scores ``[1, NA, NC]`` and int8 deltas
            ``[1, NA, 4]``, in this order; changed in place.
        anchors: ``[NA, 4]``.
    """
    graph = model.subgraphs[0]
    parts = [_append_dequantize(model, graph, index) for index in graph.outputs]
    parts.append(_append_anchors(model, graph, anchors))
    columns = sum(int(graph.tensors[index].shape[COLUMN_AXIS]) for index in parts)
    joined = _append_tensor(graph, DETECTIONS, (1, len(anchors), columns))
    operator = _append_operator(model, graph, schema.BuiltinOperator.CONCATENATION, parts, joined)
    operator.builtinOptionsType = schema.BuiltinOptions.ConcatenationOptions
    operator.builtinOptions = schema.ConcatenationOptionsT(axis=COLUMN_AXIS)
    graph.outputs = [joined]
    for signature in model.signatureDefs or []:
        signature.outputs = [schema.TensorMapT(name=DETECTIONS, tensorIndex=joined)]


def append_post_processing(model: Any, told: PostProcessing) -> None:
    """Replace the outputs scores and box codes by those of ``TFLite_Detection_PostProcess``.

    Args:
        model: ``ModelT`` whose outputs are int8 scores and int8 box codes, in this order; changed
            in place.
        told: What the operator is told.
    """
    graph = model.subgraphs[0]
    scores, codes = (_append_dequantize(model, graph, index) for index in graph.outputs)
    anchors = _append_anchors(model, graph, told.anchors)
    graph.tensors[anchors].shape = np.array(told.anchors.shape, np.int32)
    most = told.postprocess.max_detections
    shapes = {"boxes": (1, most, 4), "classes": (1, most), "scores": (1, most), "count": (1,)}
    found = [_append_tensor(graph, f"found_{name}", shape) for name, shape in shapes.items()]
    model.operatorCodes.append(
        schema.OperatorCodeT(
            deprecatedBuiltinCode=schema.BuiltinOperator.CUSTOM,
            builtinCode=schema.BuiltinOperator.CUSTOM,
            customCode=OPERATOR,
        )
    )
    operator = schema.OperatorT(
        opcodeIndex=len(model.operatorCodes) - 1, inputs=[codes, scores, anchors], outputs=found
    )
    operator.customOptions = np.frombuffer(told.options(), np.uint8)
    graph.operators.append(operator)
    graph.outputs = found
    for signature in model.signatureDefs or []:
        signature.outputs = [
            schema.TensorMapT(name=name, tensorIndex=index)
            for name, index in zip(shapes, found, strict=True)
        ]


def _are_scores(model: Any, graph: Any, tensor_index: int) -> bool:
    """Whether a tensor comes from a softmax or sigmoid, perhaps through a change of its type."""
    for operator in graph.operators:
        if tensor_index in operator.outputs:
            name = operator_name(model, operator)
            if name in ("QUANTIZE", "DEQUANTIZE"):
                return _are_scores(model, graph, operator.inputs[0])
            return name in PROBABILITIES
    return False


def _append_dequantize(model: Any, graph: Any, index: int) -> int:
    tensor = graph.tensors[index]
    name = tensor.name.decode() if isinstance(tensor.name, bytes) else tensor.name
    real = _append_tensor(graph, f"{name}_float", tensor.shape)
    operator = _append_operator(
        model, graph, schema.BuiltinOperator.DEQUANTIZE, [index], real, DEQUANTIZE_INT8_VERSION
    )
    operator.builtinOptionsType = schema.BuiltinOptions.DequantizeOptions
    operator.builtinOptions = schema.DequantizeOptionsT()
    return real


def _append_anchors(model: Any, graph: Any, anchors: FloatArray) -> int:
    data = np.frombuffer(np.ascontiguousarray(anchors, "<f4").tobytes(), np.uint8)
    model.buffers.append(schema.BufferT(data=data))
    index = _append_tensor(graph, "anchors", (1, *anchors.shape))
    graph.tensors[index].buffer = len(model.buffers) - 1
    return index


def _append_tensor(graph: Any, name: str, shape: Any) -> int:
    tensor = schema.TensorT(
        name=name, shape=np.array(shape, np.int32), type=schema.TensorType.FLOAT32, hasRank=True
    )
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _append_operator(
    model: Any, graph: Any, builtin: int, inputs: list[int], output: int, version: int = 1
) -> Any:
    """Append an operator; buffer 0 of a computed tensor is the empty one by definition."""
    code = schema.OperatorCodeT(
        deprecatedBuiltinCode=min(builtin, MAX_OLD_CODE), builtinCode=builtin, version=version
    )
    known = [(c.builtinCode, c.version) for c in model.operatorCodes]
    if (builtin, version) not in known:
        model.operatorCodes.append(code)
        known.append((builtin, version))
    operator = schema.OperatorT(
        opcodeIndex=known.index((builtin, version)), inputs=inputs, outputs=[output]
    )
    graph.operators.append(operator)
    return operator
