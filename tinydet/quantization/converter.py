"""The TFLite converter: float Keras detector in, folded float network or int8 file out."""

import warnings
from collections.abc import Callable
from typing import Any

from tinydet.config.detector_spec import DetectorSpec
from tinydet.errors import ModelFileError
from tinydet.native_log import captured_native_log
from tinydet.progress import stage
from tinydet.quantization.folded_network import FoldedNetwork
from tinydet.quantization.options import QuantizationOptions

# Folded into others, or without a tensor of their own.
NAMELESS_LAYERS = ("BatchNormalization", "ReLU", "ZeroPadding2D", "Activation", "Dropout")
REMEDY = "Give a detector that tinydet train made."


@stage("fold the network")
def fold(model: Any, spec: DetectorSpec, where: object) -> FoldedNetwork:
    """Convert a float detector to a float network, batch size 1, batch norm folded.

    Args:
        model: ``keras.Model`` with the outputs ``[class_logits, box_deltas]``.
        spec: Gives the input size.
        where: Path of the model, for the message.

    Returns:
        Network from ``[1, H, W, 3]`` rescaled pixels to softmax scores ``[1, NA, NC]`` and deltas
        ``[1, NA, 4]``, in any order.

    Raises:
        ModelFileError: The converter rejects the network.
    """
    names = [layer.name for layer in model.layers if type(layer).__name__ not in NAMELESS_LAYERS]
    return FoldedNetwork(_convert(lambda: _to_float(model, spec), where), names, where)


@stage("convert to int8")
def to_int8(network: FoldedNetwork, options: QuantizationOptions, where: object) -> bytes:
    """Quantize a network whose tensors have ranges.

    Weights are rounded to -127..127 with the scale ``largest absolute value / 127``, per output
    channel or per convolution; every activation gets ``scale = (highest - lowest) / 255``.

    Args:
        network: With ranges (``set_ranges``).
        options: Granularity, types. With float output the result has int8 outputs: the float join
            is appended afterwards.
        where: Path of the model, for the message.

    Returns:
        Content of a .tflite file.

    Raises:
        ModelFileError: The converter rejects the network.
    """
    return _convert(lambda: _quantize(network.content(), options), where)


def _convert(convert: Callable[[], bytes], where: object) -> bytes:
    failure: str | None = None
    with captured_native_log() as log, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the converter, about its own ways
        try:
            content = convert()
        except (RuntimeError, ValueError, NotImplementedError) as error:
            lines = [*str(error).splitlines(), *log().splitlines()]
            failure = next((line.strip() for line in lines if line.strip()), type(error).__name__)
    if failure is not None:
        raise ModelFileError(
            where, f"the TFLite converter rejects the network ({failure[:200]})", REMEDY
        )
    return content


def _to_float(model: Any, spec: DetectorSpec) -> bytes:
    import tensorflow as tf

    height, width = spec.input_size

    def network(image: Any) -> Any:
        class_logits, box_deltas = model(image, training=False)
        return tf.nn.softmax(class_logits, name="class_scores"), tf.identity(box_deltas)

    image = tf.TensorSpec((1, height, width, 3), tf.float32, name="image")
    graph = tf.function(network, autograph=False).get_concrete_function(image)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], model)
    converter.experimental_lower_to_saved_model = False  # that way weights stay variables
    content: bytes = converter.convert()
    return content


def _quantize(calibrated: bytes, options: QuantizationOptions) -> bytes:
    """The converter's own second half: what it does after calibrating with images."""
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize
    from tensorflow.lite.python.util import modify_model_io_type

    types = {"uint8": tf.uint8, "int8": tf.int8, "float": tf.float32}
    quantized = mlir_quantize(
        calibrated, disable_per_channel=options.granularity == "per_tensor"
    )  # its input and output are float
    output_type = tf.int8 if options.output_type == "float" else types[options.output_type]
    content: bytes = bytes(modify_model_io_type(quantized, types[options.input_type], output_type))
    return content
