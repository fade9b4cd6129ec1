"""The benchmark report: what the model takes and how fast it is, beside published figures."""

from tinydet.report.benchmark_report.read import Benchmarks as Benchmarks
from tinydet.report.benchmark_report.read import read_benchmark_files as read_benchmark_files
from tinydet.report.benchmark_report.read import read_benchmarks as read_benchmarks
from tinydet.report.benchmark_report.write import write_benchmark_report as write_benchmark_report
