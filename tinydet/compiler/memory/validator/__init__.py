"""The definition of a correct plan. Shares no code with the schedule or the planners."""

from tinydet.compiler.memory.validator.offsets import validate_offsets
from tinydet.compiler.memory.validator.play import Layout, Turn, find_faults

__all__ = ["Layout", "Turn", "find_faults", "validate_offsets"]
