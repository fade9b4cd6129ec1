"""What runs when: steps, segments that run row by row, and the memory that passes between them."""

from tinydet.compiler.schedule.costs import kernel_costs as kernel_costs
from tinydet.compiler.schedule.events import is_nothing as is_nothing
from tinydet.compiler.schedule.events import nothing_in_use as nothing_in_use
from tinydet.compiler.schedule.events import segment_events as segment_events
from tinydet.compiler.schedule.flow import Part as Part
from tinydet.compiler.schedule.flow import Step as Step
from tinydet.compiler.schedule.flow import StepNumber as StepNumber
from tinydet.compiler.schedule.flow import make_flow as make_flow
from tinydet.compiler.schedule.flow import moved_inputs as moved_inputs
from tinydet.compiler.schedule.order import late_order as late_order
from tinydet.compiler.schedule.peaks import SegmentCost as SegmentCost
from tinydet.compiler.schedule.peaks import overhead as overhead
from tinydet.compiler.schedule.peaks import segment_cost as segment_cost
from tinydet.compiler.schedule.rows import IntArray as IntArray
from tinydet.compiler.schedule.schedule import Schedule as Schedule
from tinydet.compiler.schedule.segments import Pace as Pace
from tinydet.compiler.schedule.segments import Segment as Segment
from tinydet.compiler.schedule.segments import SegmentMaker as SegmentMaker
