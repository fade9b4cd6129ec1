"""Where each activation lies in the arena: buffers, planners, and a validator of its own."""

from tinydet.compiler.memory.buffers import Buffer, live_bytes
from tinydet.compiler.memory.plan import Plan, whole_tensor_peak_bytes
from tinydet.compiler.memory.planning import (
    InputMode,
    Objective,
    PlanRequest,
    plan_memory,
    with_output_scratch,
)

__all__ = [
    "Buffer",
    "InputMode",
    "Objective",
    "Plan",
    "PlanRequest",
    "live_bytes",
    "plan_memory",
    "whole_tensor_peak_bytes",
    "with_output_scratch",
]
