"""The TFLite converter: float Keras detector in, int8 scores and deltas out."""

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.config.detector_spec import DetectorSpec
from tinydet.data.preprocess import rescale
from tinydet.errors import ModelFileError
from tinydet.native_log import captured_native_log
from tinydet.quantization.options import QuantizationOptions


def convert(
    model: Any,
    calibration: Iterable[npt.NDArray[np.uint8]],
    spec: DetectorSpec,
    options: QuantizationOptions,
    where: object,
) -> bytes:
    """Convert a float detector to full int8, batch size 1.

    Args:
        model: ``keras.Model`` with the outputs ``[class_logits, box_deltas]``.
        calibration: Preprocessed images ``[1, H, W, 3]`` uint8; read once.
        spec: Gives input size and rescaling.
        options: Granularity, types. With float output the result has int8 outputs: the float join
            is appended afterwards.
        where: Path of the model, for the message.

    Returns:
        Content of a .tflite file: input ``[1, H, W, 3]``, outputs softmax scores ``[1, NA, NC]``
        and deltas ``[1, NA, 4]``, in any order.

    Raises:
        ModelFileError: The converter refuses the network.
    """
    failure: str | None = None
    with captured_native_log() as log, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the converter, about its own ways
        converter = _make_converter(model, spec, options)
        converter.representative_dataset = lambda: _representative(calibration, spec)
        try:
            content: bytes = converter.convert()
        except (RuntimeError, ValueError, NotImplementedError) as error:
            lines = [*str(error).splitlines(), *log().splitlines()]
            failure = next((line.strip() for line in lines if line.strip()), type(error).__name__)
    if failure is not None:
        raise ModelFileError(
            where,
            f"the TFLite converter refuses the network ({failure[:200]})",
            "Give a detector that tinydet train made.",
        )
    return content


def _make_converter(model: Any, spec: DetectorSpec, options: QuantizationOptions) -> Any:
    import tensorflow as tf

    height, width = spec.input_size

    def network(image: Any) -> Any:
        class_logits, box_deltas = model(image, training=False)
        return tf.nn.softmax(class_logits, name="class_scores"), tf.identity(box_deltas)

    image = tf.TensorSpec((1, height, width, 3), tf.float32, name="image")
    graph = tf.function(network, autograph=False).get_concrete_function(image)
    types = {"uint8": tf.uint8, "int8": tf.int8, "float": tf.float32}
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = types[options.input_type]
    converter.inference_output_type = (
        tf.int8 if options.output_type == "float" else types[options.output_type]
    )
    converter.experimental_lower_to_saved_model = False  # that way weights stay variables
    converter._experimental_disable_per_channel = options.granularity == "per_tensor"
    return converter


def _representative(
    calibration: Iterable[npt.NDArray[np.uint8]], spec: DetectorSpec
) -> Iterator[list[npt.NDArray[np.float32]]]:
    for image_u8 in calibration:
        yield [rescale(image_u8, spec.preprocess)]
