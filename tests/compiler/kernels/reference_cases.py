"""Windows and activations as the .tflite file means them."""

from ai_edge_litert import schema_py_generated as schema

from tinydet.compiler import requant

ACTIVATIONS = vars(schema.ActivationFunctionType)


def windowing(size, filter_size, stride, dilation, padding):
    """Geometry as the file's SAME or VALID means it."""
    out, before = [], []
    for length, f, s, d in zip(size, filter_size, stride, dilation, strict=True):
        reach = (f - 1) * d + 1
        out.append(-(-length // s) if padding == "SAME" else -(-(length - reach + 1) // s))
        missing = max(0, (out[-1] - 1) * s + reach - length) if padding == "SAME" else 0
        before.append(missing // 2)
    return tuple(out), filter_size, stride, dilation, tuple(before)


def window_options(geometry, padding, activation):
    _, _, stride, dilation, _ = geometry
    return {
        "padding": getattr(schema.Padding, padding),
        "strideH": stride[0],
        "strideW": stride[1],
        "dilationHFactor": dilation[0],
        "dilationWFactor": dilation[1],
        "fusedActivationFunction": ACTIVATIONS[activation],
    }


def clamp_fields(activation, scale, zero_point):
    low, high = requant.activation_range(activation, scale, zero_point)
    return {"output_min": low, "output_max": high}


CONVOLUTIONS = [
    # size, filter, stride, dilation, padding, per channel, activation
    ((9, 7), (3, 3), (2, 2), (1, 1), "SAME", True, "RELU6"),
    ((8, 10), (3, 3), (1, 1), (1, 1), "SAME", True, "NONE"),
    ((5, 6), (1, 1), (1, 1), (1, 1), "VALID", False, "RELU"),
    ((9, 8), (3, 2), (1, 1), (2, 3), "SAME", True, "RELU_N1_TO_1"),
    ((9, 11), (2, 5), (3, 2), (1, 1), "VALID", True, "NONE"),
]
