"""From an int8 .tflite file to freestanding C: no training framework, no LiteRT."""

from tinydet.compiler.compile import VECTOR_CORES as VECTOR_CORES
from tinydet.compiler.compile import CompileOptions as CompileOptions
from tinydet.compiler.compile import compile_detector as compile_detector
from tinydet.compiler.compile import compile_network as compile_network
from tinydet.compiler.compiled_detector import CompiledDetector as CompiledDetector
from tinydet.compiler.compiled_network import CompiledNetwork as CompiledNetwork
