"""From a planned network to C files."""

from tinydet.compiler.codegen.detection import AnchorTable as AnchorTable
from tinydet.compiler.codegen.detection import preprocess_scratch_bytes as preprocess_scratch_bytes
from tinydet.compiler.codegen.generate import generate as generate
from tinydet.compiler.codegen.model import DetectorPart as DetectorPart
from tinydet.compiler.codegen.model import GeneratedModel as GeneratedModel
from tinydet.compiler.codegen.self_test import self_test_input as self_test_input
