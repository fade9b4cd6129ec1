"""Search for the configuration with the best AP, also under a limit of RAM."""

from tinydet.pipeline.tune.space import SearchSpace, default_space, read_space
from tinydet.pipeline.tune.study import TuneOptions, tune

__all__ = ["SearchSpace", "TuneOptions", "default_space", "read_space", "tune"]
