"""The report of a run: one self-contained ``report.html`` from the files in the run folder."""

from tinydet.report.page import write_report

__all__ = ["write_report"]
