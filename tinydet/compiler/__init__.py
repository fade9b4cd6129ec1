"""From an int8 .tflite file to freestanding C: no training framework, no LiteRT."""

from tinydet.compiler.compile import CompileOptions, compile_detector
from tinydet.compiler.compiled_detector import CompiledDetector

__all__ = ["CompileOptions", "CompiledDetector", "compile_detector"]
