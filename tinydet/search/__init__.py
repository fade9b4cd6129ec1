"""Search for the configuration with the best AP, also under a limit of RAM."""

from tinydet.search.report import best_trial
from tinydet.search.space import SearchSpace, default_space, read_space
from tinydet.search.study import TuneOptions, search

__all__ = ["SearchSpace", "TuneOptions", "best_trial", "default_space", "read_space", "search"]
