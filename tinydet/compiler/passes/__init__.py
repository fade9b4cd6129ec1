"""Changes of the graph that keep its outputs, bit for bit."""

from tinydet.compiler.passes.cleanup import fold_input_type, remove_no_ops
from tinydet.compiler.passes.constant_channels import eliminate_constant_channels
from tinydet.compiler.passes.constant_folding import fold_constants
from tinydet.compiler.passes.detector_head import DetectorHead, cut_detector_head
from tinydet.compiler.passes.optimization import optimize, run_passes
from tinydet.compiler.passes.padding import fold_padding

__all__ = [
    "DetectorHead",
    "cut_detector_head",
    "eliminate_constant_channels",
    "fold_constants",
    "fold_input_type",
    "fold_padding",
    "optimize",
    "remove_no_ops",
    "run_passes",
]
