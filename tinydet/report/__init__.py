"""Reports from the files of a run.

``report.html`` of the run, the benchmark report of a model on its chips, the model card.
"""

from tinydet.report.benchmark_report import (
    Benchmarks,
    read_benchmark_files,
    read_benchmarks,
    write_benchmark_report,
)
from tinydet.report.model_card import write_model_card
from tinydet.report.page import write_report

__all__ = [
    "Benchmarks",
    "read_benchmark_files",
    "read_benchmarks",
    "write_benchmark_report",
    "write_model_card",
    "write_report",
]
