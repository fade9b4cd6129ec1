"""From a float detector to an int8 ``.tflite`` file."""

from tinydet.quantization.export import QUANTIZED_MODEL_FILE
from tinydet.quantization.options import QuantizationOptions
from tinydet.quantization.quantizer import quantize, quantize_aware

__all__ = ["QUANTIZED_MODEL_FILE", "QuantizationOptions", "quantize", "quantize_aware"]
