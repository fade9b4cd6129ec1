"""A float ``.tflite`` as the source of quantization: the network that it holds, and its anchors."""

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tinydet.boxes import FloatArray
from tinydet.config.detector_spec import DetectorSpec
from tinydet.errors import ModelFileError, UnsupportedError
from tinydet.inference.decoding import matching_anchors
from tinydet.inference.output_roles import shapes_text
from tinydet.inference.post_processing import OPERATOR
from tinydet.inference.tflite_detector import TfliteFile, open_tflite
from tinydet.inference.tflite_file import (
    constant,
    only_graph,
    operator_name,
    parse_model,
    scale_and_zero_point,
    type_name,
)
from tinydet.inference.tflite_rewriting import fold_constants, pack_used
from tinydet.quantization.folded_network import PROBABILITIES, FoldedNetwork

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
JOINED_PARTS = 3  # scores, deltas, anchors
SOURCES = f"a float detector with scores and box deltas, joined or apart, or with {OPERATOR}"


def load_float_tflite(path: Path, spec: DetectorSpec) -> tuple[FoldedNetwork, FloatArray]:
    """The network of a float detector, and the anchors that it states, else those of the recipe.

    Weights that are stored in fewer bits (dynamic range, float16) become float again; what does
    not depend on the image is computed, and the join of the outputs is cut off.

    Args:
        path: The ``.tflite`` file.
        spec: What it was trained for.

    Returns:
        Network from ``[1, H, W, 3]`` rescaled pixels to scores ``[1, NA, NC]`` and deltas (or the
        codes of its operator) ``[1, NA, 4]``, and anchors ``[NA, 4]``.

    Raises:
        ModelFileError: The file is broken, is no detector, or does not fit the specification.
        UnsupportedError: It is quantized already, or its outputs are of another kind.
    """
    file = open_tflite(path)
    if not file.network.input_code.is_float:
        raise _unsupported(path, "an input that is quantized", "compile it as it is")
    _check_fit(path, file.network.input_shapes[0], file.num_classes, spec)
    model = parse_model(fold_constants(file.network.content, path))
    graph = only_graph(model, path)
    graph.outputs = np.array(_scores_and_deltas(model, graph, file, path), np.int32)
    _keep_what_is_needed(graph)
    _restore_weights(model, graph)
    for tensor in graph.tensors:
        tensor.shapeSignature = None
    told, anchors = file.post_processing, file.anchors
    if told is not None:
        anchors = told.anchors
    elif anchors is None:
        anchors = matching_anchors(spec, file.num_anchors, path)
    return FoldedNetwork(pack_used(model, graph), where=path, told=told), anchors


def _unsupported(path: Path, found: str, remedy: str) -> UnsupportedError:
    return UnsupportedError(
        str(path), f"quantizing {found}", SOURCES, f"Give such a file, or {remedy}."
    )


def _check_fit(
    path: Path, input_shape: tuple[int, ...], num_classes: int, spec: DetectorSpec
) -> None:
    if input_shape[1:3] != spec.input_size or num_classes != spec.num_classes:
        height, width = spec.input_size
        raise ModelFileError(
            path,
            f"takes {shapes_text([input_shape])} and finds {num_classes} classes, but its "
            f"description says 1x{height}x{width}x3 and {spec.num_classes}",
            "Give the class names and the input size it was trained with.",
        )


def _scores_and_deltas(model: Any, graph: Any, file: TfliteFile, path: Path) -> tuple[int, int]:
    outputs = [int(index) for index in graph.outputs]
    places = file.places if file.roles is None else (file.roles.deltas, file.roles.scores)
    deltas, scores = (outputs[place] for place in places)
    if scores == deltas:
        join = _producer(graph, scores)
        if operator_name(model, join) != "CONCATENATION" or len(join.inputs) != JOINED_PARTS:
            raise _unsupported(path, "an output that is not joined of three parts", "split it")
        scores, deltas = (int(index) for index in join.inputs[:2])
    producer = _producer(graph, scores)
    if producer is None or operator_name(model, producer) not in PROBABILITIES:
        found = "class scores that do not come from a softmax or sigmoid"
        raise _unsupported(path, found, "train it so")
    return scores, deltas


def _producer(graph: Any, tensor: int) -> Any:
    return next((op for op in graph.operators if tensor in op.outputs), None)


def _keep_what_is_needed(graph: Any) -> None:
    """Drop the operators behind scores and deltas."""
    needed, kept = {int(index) for index in graph.outputs}, []
    for operator in reversed(graph.operators):
        if needed.intersection(map(int, operator.outputs)):
            kept.append(operator)
            needed.update(int(index) for index in operator.inputs)
    graph.operators = kept[::-1]


def _restore_weights(model: Any, graph: Any) -> None:
    """Weights of float layers that are stored as int8, as the real numbers that they stand for."""
    for operator in graph.operators:
        if operator_name(model, operator) not in WEIGHTED:
            continue
        tensor = graph.tensors[operator.inputs[1]]
        values = constant(model, tensor)
        if type_name(tensor) != "INT8" or values is None:
            continue
        real = np.ascontiguousarray(_real(tensor, values), "<f4")
        model.buffers.append(schema.BufferT(data=np.frombuffer(real.tobytes(), np.uint8)))
        tensor.buffer = len(model.buffers) - 1
        tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None


def _real(tensor: Any, values: Any) -> FloatArray:
    """Real values of weights with one scale, or one for each channel."""
    parameters, shape = tensor.quantization, [1] * values.ndim
    if scale_and_zero_point(tensor) is None:
        shape[parameters.quantizedDimension] = -1
    zero_points = np.asarray(parameters.zeroPoint).reshape(shape)
    scales = np.asarray(parameters.scale, np.float32).reshape(shape)
    real: FloatArray = (values - zero_points).astype(np.float32) * scales
    return real
