"""Exact instruction counts of a compiled model, per inference and per operator."""

from tinydet.targets.benchmark.measure import INPUT, Benchmark, Builds, StepCount, benchmark
from tinydet.targets.benchmark.picture import draw_benchmark
from tinydet.targets.benchmark.table import Columns, format_benchmark, short_name

__all__ = [
    "INPUT",
    "Benchmark",
    "Builds",
    "Columns",
    "StepCount",
    "benchmark",
    "draw_benchmark",
    "format_benchmark",
    "short_name",
]
