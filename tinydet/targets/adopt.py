"""From what the compiler made to what the targets take."""

from math import prod

from tinydet.compiler.compile import CompiledFiles
from tinydet.compiler.ir import Graph, Tensor
from tinydet.targets.base import CompiledModel, Int8Code

HAS_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def adopt(files: CompiledFiles) -> CompiledModel:
    """A detector the compiler translated, ready for a target.

    Raises:
        ValueError: The network finds no boxes.
    """
    detector = files.model.detector
    if detector is None:
        raise ValueError(f"{files.name} is a network without box selection")
    return CompiledModel(
        name=files.name,
        macro_prefix=files.macro_prefix,
        sources=files.sources,
        spec=files.spec,
        scores=_code(files.scores),
        deltas=_code(files.deltas),
        anchors=detector.anchors.corners,
        where=files.where,
        input_mode=files.model.input_mode,
        macs=count_macs(files.model.graph),
    )


def count_macs(graph: Graph) -> dict[str, int]:
    """Multiply-accumulate operations of each operator that has weights.

    An output value of a convolution is a sum over one filter; products with padding count, as is
    usual.

    Returns:
        Operator name -> operations of one inference.
    """
    macs: dict[str, int] = {}
    for op in graph.ops:
        weights = op.inputs[1] if op.kind in HAS_WEIGHTS else None
        if weights is None:
            continue
        shape = graph.tensors[weights].shape
        # Weights: OHWI, 1HWC, [outputs, inputs].
        per_value = shape[1] * shape[2] if op.kind == "DEPTHWISE_CONV_2D" else prod(shape[1:])
        macs[op.name] = graph.tensors[op.outputs[0]].num_elements * per_value
    return macs


def _code(tensor: Tensor) -> Int8Code:
    return Int8Code(tensor.scale, tensor.zero_point)
