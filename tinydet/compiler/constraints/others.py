"""Constraints of operators without weights."""

from tinydet.compiler.constraints.rule import RESIZES, constraint, is_8_bit
from tinydet.compiler.ir import (
    ConcatOptions,
    Graph,
    MeanOptions,
    Op,
    ResizeOptions,
    StridedSliceOptions,
)

SOFTMAX_SCALE, SOFTMAX_ZERO_POINT = 1 / 256, -128


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
    """From int8 or uint8 to int8 or uint8.

    Float32 constants are converted beforehand, and that of a float32 input is cut off: the C takes
    the codes.

    Quantize the model with a uint8 or int8 input (quantization_input_type: uint8).
    """
    tensor, output = graph.required_input(op, 0), graph.output(op)
    if tensor.dtype == "float32" and tensor.data is None and op.source() not in graph.inputs:
        return "float32 values"
    for t in (tensor, output):
        if t.dtype != "float32" and not is_8_bit(t):
            return f"{t.dtype} values"
    return "a float32 result" if output.dtype == "float32" else None


@constraint("DEQUANTIZE")
def dequantize_is_from_8_bit_types(graph: Graph, op: Op) -> str | None:
    """From int8 or uint8, behind the network: it is cut off with the float tail.

    Quantize the model to int8 (tinydet quantize).
    """
    tensor = graph.required_input(op, 0)
    return None if is_8_bit(tensor) else f"{tensor.dtype} values"


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
