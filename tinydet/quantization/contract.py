"""Proof that a converted file keeps the contract, read off the file itself without TensorFlow."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray
from tinydet.config.detector_spec import DetectorSpec, PreprocessSpec
from tinydet.errors import ModelFileError
from tinydet.inference import load_detector
from tinydet.inference.decoding import spec_anchors
from tinydet.inference.output_roles import BOX_COLUMNS
from tinydet.inference.post_processing import OPERATOR, PostProcessing
from tinydet.inference.tflite_file import (
    NUMPY_TYPES,
    constant,
    only_graph,
    operator_name,
    parse_model,
    scale_and_zero_point,
    tensor_name,
    type_name,
)
from tinydet.inference.tflite_rewriting import cut_post_processing
from tinydet.progress import stage
from tinydet.quantization.options import QuantizationOptions, TensorType
from tinydet.tensor_code import TensorCode, takes_pixels

TENSOR_TYPES: dict[TensorType, str] = {"float": "FLOAT32", "int8": "INT8", "uint8": "UINT8"}
FLOAT_TAILS = [("DEQUANTIZE", "DEQUANTIZE", last) for last in ("CONCATENATION", "CUSTOM")]
TAIL_OPERATORS = 3
# Kernels that TFLite Micro lacks or that make shapes depend on the input.
FORBIDDEN_OPERATORS = ("TILE", "SHAPE", "STRIDED_SLICE", "PACK", "BROADCAST_TO", "GATHER")
INPUT_SCALE_TOLERANCE = 1e-3  # relative; a pixel of 255 then moves by a quarter of a step


@stage("check the file")
def verify_quantized(
    path: Path,
    spec: DetectorSpec,
    options: QuantizationOptions,
    image_u8: npt.NDArray[np.uint8],
    where: Path,
    boxes: FloatArray | PostProcessing | None = None,
) -> dict[str, Any]:
    """Check a quantized file against the contract and compare two engines on one image.

    Args:
        path: The ``.tflite`` file.
        spec: What the model was trained for.
        options: What was asked for.
        image_u8: Preprocessed image ``[H, W, 3]``.
        where: Name the file will have, for the message.
        boxes: Anchors ``[NA, 4]`` of the float model; None: those of the recipe. Or what the
            post-processing operator at its end is told.

    Returns:
        JSON-ready findings: tensors by type, operators, inputs and outputs, ``not_int8`` (inner
        tensors that are not int8, with the reason why they may be), largest difference between
        the optimised and the reference kernels.

    Raises:
        ModelFileError: The contract is broken; the message names every point.
    """
    content = path.read_bytes()
    model = parse_model(content)
    graph = only_graph(model, where)
    not_int8, problems = _inner_tensors(model, graph, options)
    problems += _operators(model, graph)
    problems += _input(graph, spec, options)
    if isinstance(boxes, PostProcessing):
        problems += _operator_at_the_end(content, boxes, where)
    else:
        problems += _joined_outputs(model, graph, options, spec, boxes)
    if problems:
        raise ModelFileError(
            where,
            "the converted file breaks the contract: " + "; ".join(problems),
            "Convert a detector that tinydet train made.",
        )
    return {
        "inputs": [_describe(graph.tensors[i]) for i in graph.inputs],
        "outputs": [_describe(graph.tensors[i]) for i in graph.outputs],
        "operators": dict(Counter(operator_name(model, op) for op in graph.operators)),
        "tensors": dict(Counter(type_name(tensor) for tensor in graph.tensors)),
        "not_int8": not_int8,
        "engines": _compare_engines(path, spec, image_u8),
    }


def _compare_engines(
    path: Path, spec: DetectorSpec, image_u8: npt.NDArray[np.uint8]
) -> dict[str, float]:
    """Largest difference of ``score`` and of ``box`` between optimised and reference kernels.

    They round differently, so some steps of the output scale are normal.
    """
    scores, boxes = load_detector(path, spec).outputs(image_u8[None])
    ref_scores, ref_boxes = load_detector(path, spec, engine="litert-ref").outputs(image_u8[None])
    for values in (scores, boxes, ref_scores, ref_boxes):
        if not np.isfinite(values).all():
            raise ModelFileError(
                path, "the converted network produces infinite or NaN values", "Train it again."
            )
    return {
        "score": float(np.abs(scores - ref_scores).max()),
        "box": float(np.abs(boxes - ref_boxes).max()),
    }


def input_matches_rescaling(code: TensorCode, preprocess: PreprocessSpec) -> bool:
    """Whether the codes of a quantized input are the pixels themselves (int8: pixel - 128).

    Args:
        code: Type, scale and zero point of the input.
        preprocess: Its rescaling.
    """
    is_near = abs(code.scale / preprocess.scale - 1) < INPUT_SCALE_TOLERANCE
    return is_near and takes_pixels(code, preprocess)


def _tail_tensors(model: Any, graph: Any) -> set[int]:
    """Tensors of the float join: computed by the last three operators, and its constants."""
    tail = graph.operators[-TAIL_OPERATORS:]
    if tuple(operator_name(model, op) for op in tail) not in FLOAT_TAILS:
        return set()
    return {int(i) for op in tail for i in op.outputs} | {int(i) for i in tail[-1].inputs}


def _inner_tensors(
    model: Any, graph: Any, options: QuantizationOptions
) -> tuple[list[dict[str, str]], list[str]]:
    """Every tensor that is not int8 with its reason; a sentence for those that have none."""
    outer = {int(i) for i in (*graph.inputs, *graph.outputs)}
    tail = _tail_tensors(model, graph) if options.output_type == "float" else set()
    listed, problems = [], []
    for index, tensor in enumerate(graph.tensors):
        kind = type_name(tensor)
        if index in outer or (kind == "INT8" and scale_and_zero_point(tensor) is not None):
            continue
        is_constant = constant(model, tensor) is not None
        reason = None
        if index in tail:
            reason = "join with the anchors, in float"
        elif is_constant and kind == "INT32":
            reason = "bias" if _has_scale(tensor) else "shape or axis"
        elif is_constant and kind == "INT8" and _has_scale(tensor):
            continue  # weights with a scale per channel
        if reason is None:
            problems.append(f"tensor {tensor_name(tensor)!r} is {kind}, not int8")
        elif reason != "bias":
            listed.append({"name": tensor_name(tensor), "type": kind, "reason": reason})
    return listed, problems


def _has_scale(tensor: Any) -> bool:
    return tensor.quantization is not None and tensor.quantization.scale is not None


def _operators(model: Any, graph: Any) -> list[str]:
    # A PACK of codes repeats pixels: the upsampling of the TF Object Detection API.
    names = Counter(
        name
        for op in graph.operators
        if (name := operator_name(model, op)) != "PACK"
        or type_name(graph.tensors[op.outputs[0]]) != "INT8"
    )
    problems = [f"it contains operator {name}" for name in FORBIDDEN_OPERATORS if names[name]]
    dynamic = [
        tensor_name(tensor)
        for tensor in graph.tensors
        if tensor.shapeSignature is not None and (np.asarray(tensor.shapeSignature) < 0).any()
    ]
    if dynamic:
        problems.append(f"the shape of {dynamic[0]!r} is dynamic")
    return problems


def _input(graph: Any, spec: DetectorSpec, options: QuantizationOptions) -> list[str]:
    if len(graph.inputs) != 1:
        return [f"it has {len(graph.inputs)} inputs instead of one"]
    tensor = graph.tensors[graph.inputs[0]]
    wanted = (1, *spec.input_size, 3)
    problems = []
    if tuple(tensor.shape) != wanted:
        problems.append(f"the input is {tuple(map(int, tensor.shape))} instead of {wanted}")
    if type_name(tensor) != TENSOR_TYPES[options.input_type]:
        problems.append(f"the input is {type_name(tensor)} instead of {options.input_type}")
    elif options.input_type != "float":
        scale, zero_point = scale_and_zero_point(tensor) or (0.0, 0)
        code = TensorCode(np.dtype(NUMPY_TYPES[tensor.type]), scale, zero_point)
        if not input_matches_rescaling(code, spec.preprocess):
            problems.append(
                f"the input has scale {scale:.6g} and zero point {zero_point}, which is not the "
                f"rescaling {spec.preprocess.scale:.6g} * pixel + {spec.preprocess.offset:g}"
            )
    return problems


def _operator_at_the_end(content: bytes, told: PostProcessing, where: Path) -> list[str]:
    """Problems of the post-processing operator: it must be told the same as that of the source."""
    _, written = cut_post_processing(content, where)
    if written is None:
        return [f"it does not end in {OPERATOR}"]
    same = np.array_equal(written.anchors, told.anchors) and written.options() == told.options()
    return [] if same else [f"its {OPERATOR} is told something else than that of the float model"]


def _joined_outputs(
    model: Any,
    graph: Any,
    options: QuantizationOptions,
    spec: DetectorSpec,
    anchors: FloatArray | None,
) -> list[str]:
    recipe = spec_anchors(spec)
    anchors = recipe if anchors is None else anchors
    problems = _outputs(model, graph, options, (anchors, 1 + spec.num_classes))
    if options.output_type != "float" and not np.array_equal(anchors, recipe):
        problems.append("its anchors are not those of the recipe (output type float stores them)")
    return problems


def _outputs(
    model: Any, graph: Any, options: QuantizationOptions, expected: tuple[FloatArray, int]
) -> list[str]:
    """Problems of the outputs, which have these anchors and so many scores each."""
    anchors, num_scores = expected
    columns = [num_scores, BOX_COLUMNS]
    if options.output_type == "float":
        columns = [num_scores + 2 * BOX_COLUMNS]
    wanted = [(1, len(anchors), n) for n in columns]
    tensors = [graph.tensors[i] for i in graph.outputs]
    found = [tuple(int(n) for n in tensor.shape) for tensor in tensors]
    problems = []
    if found != wanted:
        problems.append(f"the outputs are {found} instead of {wanted}")
    types = {type_name(tensor) for tensor in tensors}
    if types != {TENSOR_TYPES[options.output_type]}:
        problems.append(f"the outputs are {sorted(types)} instead of {options.output_type}")
    if options.output_type == "float" and not _has_anchors(model, graph, anchors):
        problems.append("its anchors are not those of the float model")
    return problems


def _has_anchors(model: Any, graph: Any, anchors: FloatArray) -> bool:
    values = constant(model, graph.tensors[graph.operators[-1].inputs[-1]])
    return values is not None and np.array_equal(values, anchors[None])


def _describe(tensor: Any) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": tensor_name(tensor),
        "type": type_name(tensor).lower(),
        "shape": [int(n) for n in tensor.shape],
    }
    code = scale_and_zero_point(tensor)
    if code is not None:
        described["scale"], described["zero_point"] = code
    return described
