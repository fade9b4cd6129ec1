"""Parameters of the convolution kernels."""

import math

import numpy as np

from tinydet.compiler.codegen.packing import Quantization, pack_convolution
from tinydet.compiler.requant import Multiplier

GEOMETRY_FIELDS = (
    ("output_height", "output_width"),
    ("filter_height", "filter_width"),
    ("stride_height", "stride_width"),
    ("dilation_height", "dilation_width"),
    ("pad_top", "pad_left"),
)


def window_fields(size, geometry):
    fields = {"input_height": size[0], "input_width": size[1]}
    for names, values in zip(GEOMETRY_FIELDS, geometry, strict=True):
        fields.update(zip(names, values, strict=True))
    return fields


def scratch_bytes_of(params):
    """Groups of four pixels of int16, runs of the window in pairs: the law of kernel_scratch.py.

    Behind them what is kept: the weights, and six words for each pair of channels.
    """
    runs, length = params["filter_height"], params["filter_width"] * params["input_channels"]
    if params["dilation_width"] > 1:
        runs, length = runs * params["filter_width"], params["input_channels"]
    group_bytes = 8 * runs * 2 * math.ceil(length / 2)
    kept_bytes = params["kept_weight_bytes"]
    kept_bytes += 24 * len(params["channels"]) if kept_bytes else 0
    return math.ceil((params["groups_at_once"] * group_bytes + kept_bytes) / 16) * 16


def conv_params(
    size,
    geometry,
    weights,
    bias,
    factors,
    quantization,
    planar=None,
    *,
    input_range=(-128, 127),
    groups_at_once=3,
    keeps_weights=False,
):
    """td_conv_params of whole tensors.

    Args:
        size: Height and width of the input.
        geometry: As in oracle.windows.
        weights: OHWI.
        bias: One per output channel, or None.
        factors: (multiplier, shift) of each.
        quantization: input_offset, output_offset, output_min and output_max.
        planar: (pad left, pad right) of planar output rows.
        input_range: Of the type of the input.
        groups_at_once: Groups of pixels that are gathered at a time.
        keeps_weights: The weights are copied to scratch memory.
    """
    channels = len(weights)
    (height, width), *_ = geometry
    clamp = (quantization["output_min"], quantization["output_max"])
    packed = pack_convolution(
        weights,
        bias,
        [Multiplier(*f) for f in factors],
        Quantization(-quantization["input_offset"], input_range, clamp),
        quantization["output_offset"],
        geometry[3][1],
    )
    left, right = planar or (0, 0)
    channel_stride = left + width + right if planar else 1
    return {
        **window_fields(size, geometry),
        **{key: value for key, value in quantization.items() if key != "input_offset"},
        "input_zero_point": -quantization["input_offset"],
        "input_ring": size[0],
        "output_ring": height,
        "input_channels": weights.shape[3],
        "output_channels": channels,
        "is_plain": int(packed.is_plain),
        "groups_at_once": groups_at_once,
        "is_joined": int(packed.is_joined),
        "is_positive": int(packed.is_positive),
        "pixel_stride": 1 if planar else channels,
        "channel_stride": channel_stride,
        "output_pad_left": left,
        "output_pad_right": right,
        "kept_weight_bytes": packed.weights.nbytes if keeps_weights else 0,
        "output_row_bytes": channels * channel_stride if planar else channels * width,
        "weights": packed.weights,
        "channels": np.array(packed.channels, np.int32),
    }


def planar_rows(image, pads, fill):
    """[height, channels, pad + width + pad] of an image [height, width, channels]."""
    moved = image.transpose(0, 2, 1)
    return np.pad(moved, ((0, 0), (0, 0), pads), constant_values=fill)
