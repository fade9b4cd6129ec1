"""Groups of operators, and what constraints ask about their tensors."""

from tinydet.compiler.ir import OPTIONS_OF_KIND, Graph, Op, Tensor

FOLDED_KINDS = ("SHAPE", "STRIDED_SLICE", "PACK", "TILE")
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
WEIGHTED = (*CONVOLUTIONS, "FULLY_CONNECTED")
POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
RESIZES = ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
UNSCALED = (*POOLS, *RESIZES, "PAD", "RESHAPE", "CONCATENATION")
# They may also be part of the float tail behind the int8 network, which is cut off.
TAIL_KINDS = ("CONCATENATION", "RESHAPE")
INTEGER_KINDS = tuple(
    kind for kind in OPTIONS_OF_KIND if kind not in (*FOLDED_KINDS, "QUANTIZE", "DEQUANTIZE")
)


def all_tensors(graph: Graph, op: Op) -> list[Tensor]:
    """All tensors an op reads and writes."""
    return [graph.tensors[i] for i in (*op.inputs, *op.outputs) if i is not None]


def activations(graph: Graph, op: Op) -> list[Tensor]:
    """The tensors that carry values of the image: no weights, no bias."""
    count = 1 if op.kind in WEIGHTED else len(op.inputs)
    return [graph.tensors[i] for i in (*op.inputs[:count], *op.outputs) if i is not None]


def is_whole(tensor: Tensor) -> bool:
    """Whether a tensor has exactly one scale."""
    return tensor.quantization is not None and len(tensor.quantization.scale) == 1


def is_8_bit(tensor: Tensor) -> bool:
    """Whether a tensor is int8 or uint8 with exactly one scale."""
    return tensor.dtype in ("int8", "uint8") and is_whole(tensor)
