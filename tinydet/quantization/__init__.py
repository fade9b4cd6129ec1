"""From a float detector to an int8 ``.tflite`` file."""

from tinydet.quantization.options import QuantizationOptions as QuantizationOptions
from tinydet.quantization.quantizer import quantize as quantize
