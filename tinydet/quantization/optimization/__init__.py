"""Changes of the float network that make it easier to round and leave what it computes."""

from tinydet.quantization.optimization.bias_correction import correct_biases
from tinydet.quantization.optimization.optimize import optimize_weights

__all__ = ["correct_biases", "optimize_weights"]
