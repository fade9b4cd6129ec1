"""From a planned network to C files."""

from tinydet.compiler.codegen.detection import AnchorTable, preprocess_scratch_bytes
from tinydet.compiler.codegen.generate import generate
from tinydet.compiler.codegen.model import DetectorPart, GeneratedModel
from tinydet.compiler.codegen.self_test import self_test_input

__all__ = [
    "AnchorTable",
    "DetectorPart",
    "GeneratedModel",
    "generate",
    "preprocess_scratch_bytes",
    "self_test_input",
]
