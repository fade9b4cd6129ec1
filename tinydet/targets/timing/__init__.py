"""How long the generated C takes on a board that is not at hand: an estimate of cycles.

The emulator tells exactly which instructions run (``recorder``); a model of the core schedules them
(``single_issue``: Cortex-M4 and M33, ``dual_issue``: M7, ``helium``: M55 and M85), simulated caches
and the waits of the board's memories add what they cost (``memory``, ``board_memories``). Every
number has its source beside it; ``validation`` says how far off the sums were on programs that
others timed.
"""

from tinydet.targets.timing.board_memories import board_timing as board_timing
from tinydet.targets.timing.estimate import StepTime as StepTime
from tinydet.targets.timing.estimate import TimingEstimate as TimingEstimate
from tinydet.targets.timing.estimate import estimate as estimate
from tinydet.targets.timing.roofline import draw_roofline as draw_roofline
from tinydet.targets.timing.roofline import roofline_png as roofline_png
from tinydet.targets.timing.table import estimate_columns as estimate_columns
from tinydet.targets.timing.table import estimate_notes as estimate_notes
from tinydet.targets.timing.table import format_estimate as format_estimate
from tinydet.targets.timing.validation import MODEL_ERROR as MODEL_ERROR
from tinydet.targets.timing.validation import ModelError as ModelError
