"""The definition of a correct plan. Shares no code with the schedule or the planners."""

from tinydet.compiler.memory.validator.offsets import validate_offsets as validate_offsets
from tinydet.compiler.memory.validator.play import Layout as Layout
from tinydet.compiler.memory.validator.play import Turn as Turn
from tinydet.compiler.memory.validator.play import find_faults as find_faults
