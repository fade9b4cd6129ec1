"""What runs when: steps, segments that run row by row, and the memory that passes between them."""

from tinydet.compiler.schedule.flow import Part, Step, StepNumber, make_flow, moved_inputs
from tinydet.compiler.schedule.order import late_order
from tinydet.compiler.schedule.peaks import SegmentCost, overhead, segment_cost
from tinydet.compiler.schedule.rows import IntArray
from tinydet.compiler.schedule.schedule import Schedule
from tinydet.compiler.schedule.segments import Pace, Segment, SegmentMaker

__all__ = [
    "IntArray",
    "Pace",
    "Part",
    "Schedule",
    "Segment",
    "SegmentCost",
    "SegmentMaker",
    "Step",
    "StepNumber",
    "late_order",
    "make_flow",
    "moved_inputs",
    "overhead",
    "segment_cost",
]
