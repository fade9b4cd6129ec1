"""Changes of the graph that keep its outputs, bit for bit."""

from tinydet.compiler.passes.constant_folding import dequantized as dequantized
from tinydet.compiler.passes.detector_head import DetectorHead as DetectorHead
from tinydet.compiler.passes.detector_head import has_real_values as has_real_values
from tinydet.compiler.passes.lowering import lower as lower
from tinydet.compiler.passes.lowering import lower_network as lower_network
from tinydet.compiler.passes.network_ends import without_float_input as without_float_input
