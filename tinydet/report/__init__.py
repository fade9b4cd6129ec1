"""Reports from the files of a run.

``report.html`` of the run, the benchmark report of a model on its chips, the model card.
"""

from tinydet.report.benchmark_report import read_benchmark_files as read_benchmark_files
from tinydet.report.benchmark_report import write_benchmark_report as write_benchmark_report
from tinydet.report.model_card import write_model_card as write_model_card
from tinydet.report.page import write_report as write_report
