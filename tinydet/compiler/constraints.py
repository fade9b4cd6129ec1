"""What the compiler can translate: one function per constraint.

The docstring of a constraint is the user's documentation (``docs/supported_ops.md`` is made of
them): its first line says what is supported, the last paragraph what to do otherwise.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tinydet.compiler.ir import (
    OPTIONS_OF_KIND,
    ConcatOptions,
    FullyConnectedOptions,
    Graph,
    MeanOptions,
    Op,
    ResizeOptions,
    StridedSliceOptions,
    Tensor,
)
from tinydet.compiler.ir.shapes import output_shape

MAX_DIMENSION = 2**15 - 1
MAX_ACCUMULATOR = 2**31 - 1
BIAS_SCALE_TOLERANCE = 0.02  # of the output scale; TFLite's own limit
MAX_LISTED_PLACES = 3
SOFTMAX_SCALE, SOFTMAX_ZERO_POINT = 1 / 256, -128

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

UNKNOWN_REMEDIES = {
    "CUSTOM TFLite_Detection_PostProcess": "Convert the model without its post-processing: "
    "decoding and suppression are part of the generated code.",
    "HARD_SWISH": "Train with relu6.",
    "LEAKY_RELU": "Train with relu6.",
    "PRELU": "Train with relu6.",
    "TRANSPOSE_CONV": "Upsample by a resize and a convolution.",
}
UNKNOWN_REMEDY = "Replace it in the model by supported operators (docs/supported_ops.md)."


@dataclass(frozen=True)
class Finding:
    """Something the compiler cannot translate.

    Attributes:
        kind: Kind of the operator.
        name: Its name.
        found: What is not supported about it, without a full stop.
        remedy: What to change, a full sentence.
    """

    kind: str
    name: str
    found: str
    remedy: str


Check = Callable[[Graph, Op], "str | None"]


@dataclass(frozen=True)
class Constraint:
    """A rule for operators of some kinds.

    Attributes:
        kinds: To which it applies.
        check: What breaks the rule in an op, None where nothing does.
        rule: What is supported, a full sentence.
        remedy: What to change otherwise, a full sentence.
    """

    kinds: tuple[str, ...]
    check: Check
    rule: str
    remedy: str


CONSTRAINTS: list[Constraint] = []


def constraint(*kinds: str) -> Callable[[Check], Check]:
    """Register a function as the constraint of these kinds; its docstring gives the texts."""

    def register(check: Check) -> Check:
        paragraphs = inspect.cleandoc(check.__doc__ or "").split("\n\n")
        rule, remedy = (" ".join(p.split()) for p in (paragraphs[0], paragraphs[-1]))
        CONSTRAINTS.append(Constraint(kinds, check, rule, remedy))
        return check

    return register


def unknown_operator(kind: str, name: str) -> Finding:
    """The finding about an operator that the compiler does not know."""
    return Finding(kind, name, "is not supported", UNKNOWN_REMEDIES.get(kind, UNKNOWN_REMEDY))


def findings_of(graph: Graph) -> list[Finding]:
    """All breaches of constraints in a graph, one per op at most.

    Args:
        graph: Tensors and references must be sound; ops whose shapes contradict each other are
            passed over.
    """
    findings = []
    for op in graph.ops:
        if not _has_sound_shapes(graph, op):
            continue
        for rule in CONSTRAINTS:
            if op.kind not in rule.kinds:
                continue
            found = rule.check(graph, op)
            if found is not None:
                findings.append(Finding(op.kind, op.name, found, rule.remedy))
                break
    return findings


def grouped(findings: Sequence[Finding]) -> list[tuple[str, str, str]]:
    """Findings as ``(place, found, remedy)``; equal ones of many places become one line."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for finding in findings:
        groups.setdefault((finding.kind, finding.found, finding.remedy), []).append(finding.name)
    return [(_places(kind, names), found, fix) for (kind, found, fix), names in groups.items()]


def _places(kind: str, names: Sequence[str]) -> str:
    more = len(names) - MAX_LISTED_PLACES
    suffix = f" and {more} more" if more > 0 else ""
    return f"{kind} at {', '.join(names[:MAX_LISTED_PLACES])}{suffix}"


def _has_sound_shapes(graph: Graph, op: Op) -> bool:
    try:
        return output_shape(graph, op) == graph.output(op).shape
    except ValueError:
        return False


def _tensors(graph: Graph, op: Op) -> list[Tensor]:
    return [graph.tensors[i] for i in (*op.inputs, *op.outputs) if i is not None]


def _activations(graph: Graph, op: Op) -> list[Tensor]:
    """The tensors that carry values of the image: no weights, no bias."""
    count = 1 if op.kind in WEIGHTED else len(op.inputs)
    return [graph.tensors[i] for i in (*op.inputs[:count], *op.outputs) if i is not None]


def _whole(tensor: Tensor) -> bool:
    return tensor.quantization is not None and len(tensor.quantization.scale) == 1


def _is_8_bit(tensor: Tensor) -> bool:
    return tensor.dtype in ("int8", "uint8") and _whole(tensor)


@constraint(*INTEGER_KINDS)
def activations_are_int8(graph: Graph, op: Op) -> str | None:
    """Inputs and outputs are int8, quantized as a whole.

    A first convolution may read uint8, and operators of the float tail behind the network, which is
    cut off, may be float32.

    Quantize the model to int8 (tinydet quantize).
    """
    tensors = _activations(graph, op)
    if op.kind in TAIL_KINDS and all(t.dtype in ("float32", "uint8", "int32") for t in tensors):
        return None
    for position, tensor in enumerate(tensors):
        first_layer = op.kind in CONVOLUTIONS and position == 0
        if tensor.dtype != "int8" and not (first_layer and tensor.dtype == "uint8"):
            return f"{tensor.dtype} values"
        if not _whole(tensor):
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
    largest = max((max(t.shape[1:], default=1) for t in _tensors(graph, op)), default=1)
    images = len(graph.output(op).shape) == 4
    return f"a dimension of {largest}" if images and largest > MAX_DIMENSION else None


@constraint(*WEIGHTED)
def weights_are_constant(graph: Graph, op: Op) -> str | None:
    """Weights are int8 constants with a zero point of 0; the bias, where there is one, is int32.

    Quantize the model to int8 with symmetric weights (tinydet quantize).
    """
    weights, bias = graph.required_input(op, 1), graph.input(op, 2)
    if weights.data is None or (bias is not None and bias.data is None):
        return "weights that are computed while it runs"
    if weights.dtype != "int8" or weights.quantization is None:
        return f"{weights.dtype} weights"
    if any(weights.quantization.zero_point):
        return "weights with a zero point"
    return None if bias is None or bias.dtype == "int32" else f"a {bias.dtype} bias"


@constraint(*WEIGHTED)
def weight_scales_belong_to_output_channels(graph: Graph, op: Op) -> str | None:
    """Weights have one scale, or one for each output channel.

    Convert the model again with per-tensor or per-channel quantization.
    """
    quantization = graph.required_input(op, 1).quantization
    axis = 3 if op.kind == "DEPTHWISE_CONV_2D" else 0
    if quantization is not None and len(quantization.scale) > 1 and quantization.axis != axis:
        return f"scales along dimension {quantization.axis} of the weights"
    return None


@constraint("CONV_2D")
def convolution_is_not_grouped(graph: Graph, op: Op) -> str | None:
    """Each filter reads all input channels.

    Use a plain or a depthwise convolution instead of a grouped one.
    """
    channels = graph.required_input(op, 0).shape[-1]
    depth = graph.required_input(op, 1).shape[-1]
    return f"filters of {depth} of {channels} channels" if depth != channels else None


@constraint(*WEIGHTED)
def bias_scale_fits(graph: Graph, op: Op) -> str | None:
    """The bias has the scale input scale * weight scale and a zero point of 0.

    Convert the model again.
    """
    bias, weights = graph.input(op, 2), graph.required_input(op, 1)
    if bias is None or bias.quantization is None or weights.quantization is None:
        return None
    if any(bias.quantization.zero_point):
        return "a bias with a zero point"
    product = graph.required_input(op, 0).scale * np.array(weights.quantization.scale)
    scales = np.array(bias.quantization.scale)
    if len(scales) not in (1, len(product)):
        return f"{len(scales)} bias scales for {len(product)} weight scales"
    # The converter may clip a bias that would overflow by choosing its own scale.
    difference = float(np.max(np.abs(product - scales)))
    limit = BIAS_SCALE_TOLERANCE * graph.output(op).scale
    return "a bias of another scale" if difference > limit else None


@constraint(*WEIGHTED)
def accumulator_fits(graph: Graph, op: Op) -> str | None:
    """Every sum of products fits into 32 bits, also after a left shift for scales above 1.

    Quantize the model with more representative images, or train it with weight decay.
    """
    weights = graph.required_input(op, 1)
    if weights.data is None or weights.quantization is None:
        return None
    axis = 3 if op.kind == "DEPTHWISE_CONV_2D" else 0
    other = tuple(i for i in range(len(weights.shape)) if i != axis)
    bound = 255 * np.abs(weights.data.astype(np.int64)).sum(axis=other)
    bias = graph.input(op, 2)
    if bias is not None and bias.data is not None:
        bound = bound + np.abs(bias.data.astype(np.int64)).reshape(-1)
    factor = graph.required_input(op, 0).scale / graph.output(op).scale
    real = factor * np.broadcast_to(np.array(weights.quantization.scale), bound.shape)
    # A real factor of 2**30 or more has no fixed-point form; the bound then fails too.
    left = np.exp2(np.clip(np.frexp(real)[1], 0, 64))
    fits = float(np.max(bound * left)) <= MAX_ACCUMULATOR
    return None if fits else "sums that may overflow 32 bits"


@constraint("ADD", "MUL")
def broadcast_is_simple(graph: Graph, op: Op) -> str | None:
    """Both inputs have the output's shape, or one of them has one value per channel or one value.

    Give both operands one shape.
    """
    output = graph.output(op).shape
    simple = {output, (output[-1:] or (1,)), (1,), (), (1,) * len(output)}
    simple.add((*(1,) * (len(output) - 1), *output[-1:]))
    shapes = [graph.required_input(op, i).shape for i in range(2)]
    if output not in shapes or any(shape not in simple for shape in shapes):
        return f"inputs of the shapes {shapes[0]} and {shapes[1]}"
    return None


@constraint("PAD")
def pads_an_image(graph: Graph, op: Op) -> str | None:
    """The padded tensor has four dimensions, and the batch is not padded.

    Pad images only.
    """
    shape, output = graph.required_input(op, 0).shape, graph.output(op).shape
    if len(shape) != 4 or shape[0] != output[0]:
        return f"padding of the shape {shape} to {output}"
    return None


@constraint(*RESIZES)
def resize_is_plain(_: Graph, op: Op) -> str | None:
    """Only one of align_corners and half_pixel_centers is set, or none.

    Use half_pixel_centers alone (the default of keras.layers.UpSampling2D and Resizing).
    """
    options = op.options
    assert isinstance(options, ResizeOptions)
    both = options.align_corners and options.half_pixel_centers
    return "align_corners together with half_pixel_centers" if both else None


@constraint(*UNSCALED)
def quantization_is_kept(graph: Graph, op: Op) -> str | None:
    """Inputs and output have the same scale and zero point.

    Convert the model with a current converter, which gives these operators one quantization.
    """
    tensors = [t for t in _activations(graph, op) if t.dtype != "float32"]
    return "a change of scale" if len({t.quantization for t in tensors}) > 1 else None


@constraint("CONCATENATION")
def concatenation_has_no_activation(_: Graph, op: Op) -> str | None:
    """No activation is fused.

    Apply the activation before the concatenation.
    """
    assert isinstance(op.options, ConcatOptions)
    return None if op.options.activation == "NONE" else f"a fused {op.options.activation}"


@constraint("SOFTMAX", "LOGISTIC")
def probabilities_have_the_standard_scale(graph: Graph, op: Op) -> str | None:
    """The output has the scale 1/256 and the zero point -128.

    Convert the model again; every converter chooses these.
    """
    output = graph.output(op)
    if output.scale != SOFTMAX_SCALE or output.zero_point != SOFTMAX_ZERO_POINT:
        return f"an output of the scale {output.scale} and zero point {output.zero_point}"
    return None


@constraint("MEAN")
def mean_is_over_adjacent_axes(_: Graph, op: Op) -> str | None:
    """The mean is over neighbouring dimensions, as height and width.

    Split it into means over neighbouring dimensions.
    """
    assert isinstance(op.options, MeanOptions)
    axes = op.options.axes
    if not axes or axes[-1] - axes[0] != len(axes) - 1:
        return f"a mean over the dimensions {axes}"
    return None


@constraint("QUANTIZE")
def quantize_changes_8_bit_types(graph: Graph, op: Op) -> str | None:
    """From int8 or uint8 to int8 or uint8; float32 constants are converted beforehand.

    Quantize the model with a uint8 or int8 input (quantization_input_type: uint8).
    """
    tensor, output = graph.required_input(op, 0), graph.output(op)
    if tensor.dtype == "float32" and tensor.data is None:
        return "float32 values"
    for t in (tensor, output):
        if t.dtype != "float32" and not _is_8_bit(t):
            return f"{t.dtype} values"
    return "a float32 result" if output.dtype == "float32" else None


@constraint("DEQUANTIZE")
def dequantize_is_from_8_bit_types(graph: Graph, op: Op) -> str | None:
    """From int8 or uint8, behind the network: it is cut off with the float tail.

    Quantize the model to int8 (tinydet quantize).
    """
    tensor = graph.required_input(op, 0)
    return None if _is_8_bit(tensor) else f"{tensor.dtype} values"


@constraint("STRIDED_SLICE")
def slice_is_of_a_shape(graph: Graph, op: Op) -> str | None:
    """The slice is cut from a list of numbers with constant begin, end and stride.

    Convert the model with fixed input dimensions.
    """
    options = op.options
    assert isinstance(options, StridedSliceOptions)
    arguments = [graph.required_input(op, i) for i in range(1, 4)]
    if len(graph.required_input(op, 0).shape) != 1 or any(
        t.data is None or t.shape != (1,) for t in arguments
    ):
        return "a slice of something else"
    if options.ellipsis_mask or options.new_axis_mask:
        return "a slice that changes the number of dimensions"
    return None


@constraint("FULLY_CONNECTED")
def weights_are_not_broadcast(graph: Graph, op: Op) -> str | None:
    """The rows of the input are as long as those of the weights.

    Flatten the input before the layer.
    """
    assert isinstance(op.options, FullyConnectedOptions)
    inputs = graph.required_input(op, 1).shape[1]
    shape = graph.required_input(op, 0).shape
    if math.prod(shape[1:]) != inputs and shape[-1:] != (inputs,):
        return f"an input of the shape {shape} for rows of {inputs}"
    return None
