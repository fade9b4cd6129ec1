"""The benchmark report: what the model takes and how fast it is, beside published figures."""

from tinydet.report.benchmark_report.read import Benchmarks, read_benchmark_files, read_benchmarks
from tinydet.report.benchmark_report.write import write_benchmark_report

__all__ = ["Benchmarks", "read_benchmark_files", "read_benchmarks", "write_benchmark_report"]
