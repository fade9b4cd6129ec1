"""From a float detector to an int8 ``.tflite`` file."""

from tinydet.quantization.export import QUANTIZED_MODEL_FILE as QUANTIZED_MODEL_FILE
from tinydet.quantization.options import QuantizationOptions as QuantizationOptions
from tinydet.quantization.quantizer import quantize as quantize
from tinydet.quantization.quantizer import quantize_aware as quantize_aware
