"""Where each activation lies in the arena: buffers, planners, and a validator of its own."""

from tinydet.compiler.memory.buffers import Buffer, live_bytes
from tinydet.compiler.memory.plan import InputMode, Plan, whole_tensor_peak_bytes
from tinydet.compiler.memory.planning import (
    Objective,
    PlanRequest,
    plan_memory,
    with_output_scratch,
)
from tinydet.compiler.memory.record import plan_record

__all__ = [
    "Buffer",
    "InputMode",
    "Objective",
    "Plan",
    "PlanRequest",
    "live_bytes",
    "plan_memory",
    "plan_record",
    "whole_tensor_peak_bytes",
    "with_output_scratch",
]
