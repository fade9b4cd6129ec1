"""Building the generated C for a machine, running it there, measuring it."""

from tinydet.targets.base import (
    NetworkProgram,
    Program,
    ProgramDetector,
    RawOutputs,
    Target,
    program_detector,
)
from tinydet.targets.benchmark import (
    Benchmark,
    Builds,
    StepCount,
    benchmark,
    draw_benchmark,
    format_benchmark,
)
from tinydet.targets.boards import (
    Board,
    Fit,
    find_board,
    fit,
    format_fits,
    load_boards,
)
from tinydet.targets.cortex_m import CortexMNetwork, CortexMProgram, CortexMTarget
from tinydet.targets.footprint import Footprint, format_footprint, measure_footprint
from tinydet.targets.host import HostNetwork, HostProgram, HostTarget
from tinydet.targets.toolchain import CORES, BuildError

__all__ = [
    "CORES",
    "Benchmark",
    "Board",
    "BuildError",
    "Builds",
    "CortexMNetwork",
    "CortexMProgram",
    "CortexMTarget",
    "Fit",
    "Footprint",
    "HostNetwork",
    "HostProgram",
    "HostTarget",
    "NetworkProgram",
    "Program",
    "ProgramDetector",
    "RawOutputs",
    "StepCount",
    "Target",
    "benchmark",
    "draw_benchmark",
    "find_board",
    "fit",
    "format_benchmark",
    "format_fits",
    "format_footprint",
    "load_boards",
    "measure_footprint",
    "program_detector",
]
