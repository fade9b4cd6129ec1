"""What a run is: operation modes, their stages, the run folder, resuming."""

from tinydet.pipeline.modes import RunResult, execute, resume

__all__ = ["RunResult", "execute", "resume"]
