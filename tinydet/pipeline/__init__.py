"""What a run is: operation modes, their stages, the run folder, resuming."""

from tinydet.pipeline.modes import RunResult as RunResult
from tinydet.pipeline.modes import execute as execute
from tinydet.pipeline.modes import resume as resume
