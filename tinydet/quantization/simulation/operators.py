"""What the operators of a folded network compute, in TensorFlow."""

from collections.abc import Sequence
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from tinydet.errors import UnsupportedError
from tinydet.quantization.folded_network import CONV, DEPTHWISE, SOFTMAX, FoldedNetwork, Layer
from tinydet.quantization.options import Granularity
from tinydet.quantization.simulation.fake_quantization import round_kernel

PADDINGS = {schema.Padding.SAME: "SAME", schema.Padding.VALID: "VALID"}
SUPPORTED = (CONV, DEPTHWISE, "ADD", "RESIZE_BILINEAR", "RESHAPE", "CONCATENATION", SOFTMAX)


def check_supported(layers: Sequence[Layer], wish: str) -> None:
    """Refuse a network with an operator or an activation that is not known here.

    Args:
        layers: Of the network.
        wish: What needs it, for the message.

    Raises:
        UnsupportedError: Names the first one.
    """
    for layer in layers:
        if layer.kind not in SUPPORTED or layer.activation == "other":
            raise UnsupportedError(
                f"{wish}: layer {layer.name}",
                f"operator {layer.kind}",
                ", ".join(SUPPORTED),
                "Quantize without it, or give a detector that tinydet train made.",
            )


def convolve(layer: Layer, x: Any, kernel: Any, bias: Any) -> Any:
    """A convolution without its activation.

    Args:
        layer: ``CONV_2D`` or ``DEPTHWISE_CONV_2D``.
        x: ``[B, rows, columns, C]``.
        kernel: As in the file: OHWI, or depthwise 1HWC.
        bias: ``[O]``.
    """
    import tensorflow as tf

    options = layer.options
    strides = [1, options.strideH, options.strideW, 1]
    dilations = [options.dilationHFactor, options.dilationWFactor]
    function = tf.nn.conv2d if layer.kind == CONV else tf.nn.depthwise_conv2d
    if layer.kind == CONV:
        dilations = [1, *dilations, 1]
    kernel = tf.transpose(kernel, (1, 2, 3, 0))
    y = function(x, kernel, strides, PADDINGS[options.padding], dilations=dilations)
    return tf.nn.bias_add(y, bias)


def activate(layer: Layer, x: Any) -> Any:
    """The activation that is fused behind a layer."""
    import tensorflow as tf

    functions = {"relu": tf.nn.relu, "relu6": tf.nn.relu6}
    return functions[layer.activation](x) if layer.activation in functions else x


def rearrange(layer: Layer, inputs: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """A layer without weights, without its activation.

    Args:
        layer: Of a kind in ``SUPPORTED``.
        inputs: Batches of its inputs.
        shape: Of its output for a batch of one, ``[1, ...]``.
    """
    import tensorflow as tf

    if layer.kind == "ADD":
        return inputs[0] + inputs[1]
    if layer.kind == "CONCATENATION":
        return tf.concat(inputs, layer.options.axis)
    if layer.kind == "RESHAPE":
        return tf.reshape(inputs[0], (-1, *shape[1:]))
    if layer.kind == "RESIZE_BILINEAR":
        return tf.raw_ops.ResizeBilinear(
            images=inputs[0],
            size=shape[1:3],
            align_corners=layer.options.alignCorners,
            half_pixel_centers=layer.options.halfPixelCenters,
        )
    return tf.nn.softmax(inputs[0])


def compute_layer(
    network: FoldedNetwork,
    layer: Layer,
    inputs: Sequence[Any],
    granularity: Granularity | None = None,
) -> Any:
    """A layer's output before it is rounded.

    Args:
        network: Has its weights.
        layer: Of a kind in ``SUPPORTED``.
        inputs: Batches of its inputs.
        granularity: Rounds the weights, with scales like this; None leaves them as they are.
    """
    if layer.kernel is None:
        return activate(layer, rearrange(layer, inputs, network.shape(layer.output)))
    kernel: Any = network.values(layer.kernel)
    if granularity is not None:
        kernel = round_kernel(layer, kernel, granularity)
    return activate(layer, convolve(layer, inputs[0], kernel, network.values(layer.bias)))
