"""Runs: the stages that an operation mode asks for, in one run folder."""

from tinydet.pipeline.modes import run
from tinydet.pipeline.resume import resume

__all__ = ["resume", "run"]
