"""Constraints of all operators: types, sizes, scales."""

from tinydet.compiler.constraints.rule import (
    CONVOLUTIONS,
    INTEGER_KINDS,
    TAIL_KINDS,
    UNSCALED,
    activations,
    all_tensors,
    constraint,
    is_whole,
)
from tinydet.compiler.ir import OPTIONS_OF_KIND, Graph, Op

MAX_DIMENSION = 2**15 - 1


@constraint(*INTEGER_KINDS)
def activations_are_int8(graph: Graph, op: Op) -> str | None:
    """Inputs and outputs are int8, quantized as a whole.

    A first convolution may read uint8, and operators of the float tail behind the network, which is
    cut off, may be float32.

    Quantize the float model to int8 (tinydet quantize).
    """
    tensors = activations(graph, op)
    if op.kind in TAIL_KINDS and all(t.dtype in ("float32", "uint8", "int32") for t in tensors):
        return None
    for position, tensor in enumerate(tensors):
        first_layer = op.kind in CONVOLUTIONS and position == 0
        if tensor.dtype != "int8" and not (first_layer and tensor.dtype == "uint8"):
            return f"{tensor.dtype} values"
        if not is_whole(tensor):
            return "values without exactly one scale"
    return None


@constraint(*INTEGER_KINDS)
def batch_is_one(graph: Graph, op: Op) -> str | None:
    """One image at a time: the first dimension of an image is 1.

    Convert the model with a batch of 1.
    """
    tensor = graph.required_input(op, 0)
    images = len(tensor.shape) == 4 and op.kind not in ("RESHAPE", "CONCATENATION")
    return f"a batch of {tensor.shape[0]}" if images and tensor.shape[0] != 1 else None


@constraint(*OPTIONS_OF_KIND)
def dimensions_are_small(graph: Graph, op: Op) -> str | None:
    """Height, width and channels of an image are at most 32767.

    Use a smaller input.
    """
    largest = max((max(t.shape[1:], default=1) for t in all_tensors(graph, op)), default=1)
    images = len(graph.output(op).shape) == 4
    return f"a dimension of {largest}" if images and largest > MAX_DIMENSION else None


@constraint(*UNSCALED)
def quantization_is_kept(graph: Graph, op: Op) -> str | None:
    """Inputs and output have the same scale and zero point.

    Convert the model with a current converter, which gives these operators one quantization.
    """
    tensors = [t for t in activations(graph, op) if t.dtype != "float32"]
    return "a change of scale" if len({t.quantization for t in tensors}) > 1 else None
