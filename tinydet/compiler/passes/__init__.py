"""Changes of the graph that keep its outputs, bit for bit."""

from tinydet.compiler.passes.detector_head import DetectorHead as DetectorHead
from tinydet.compiler.passes.lowering import lower as lower
