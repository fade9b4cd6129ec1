"""Building the generated C for a machine, running it there, measuring it."""

from tinydet.targets.base import CompiledModel, Int8Code, ModelShape, Program, RawOutputs, Target
from tinydet.targets.benchmark import (
    Benchmark,
    StepCount,
    benchmark,
    draw_benchmark,
    format_benchmark,
)
from tinydet.targets.boards import Board, Fit, fit, format_fits, load_boards
from tinydet.targets.cortex_m import CORES, CortexMProgram, CortexMTarget
from tinydet.targets.detector import CompiledDetector
from tinydet.targets.footprint import Footprint, format_footprint, measure_footprint
from tinydet.targets.host import HostProgram, HostTarget
from tinydet.targets.toolchain import BuildError

__all__ = [
    "CORES",
    "Benchmark",
    "Board",
    "BuildError",
    "CompiledDetector",
    "CompiledModel",
    "CortexMProgram",
    "CortexMTarget",
    "Fit",
    "Footprint",
    "HostProgram",
    "HostTarget",
    "Int8Code",
    "ModelShape",
    "Program",
    "RawOutputs",
    "StepCount",
    "Target",
    "benchmark",
    "draw_benchmark",
    "fit",
    "format_benchmark",
    "format_fits",
    "format_footprint",
    "load_boards",
    "measure_footprint",
]
