"""Exact instruction counts of a compiled model, per inference and per operator."""

from tinydet.targets.benchmark.measure import INPUT as INPUT
from tinydet.targets.benchmark.measure import Benchmark as Benchmark
from tinydet.targets.benchmark.measure import Builds as Builds
from tinydet.targets.benchmark.measure import StepCount as StepCount
from tinydet.targets.benchmark.measure import benchmark as benchmark
from tinydet.targets.benchmark.picture import draw_benchmark as draw_benchmark
from tinydet.targets.benchmark.table import format_benchmark as format_benchmark
