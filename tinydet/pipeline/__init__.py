"""Runs: the stages that an operation mode asks for, in one run folder."""

from tinydet.pipeline.modes import resume, run

__all__ = ["resume", "run"]
