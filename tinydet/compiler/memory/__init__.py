"""Where each activation lies in the arena: buffers, planners, and a validator of its own."""

from tinydet.compiler.memory.buffers import (
    Buffer,
    Life,
    Offset,
    constant_buffer,
    live_bytes,
    lower_bound_bytes,
)
from tinydet.compiler.memory.plan import InputMode, Plan, proven, whole_tensor_peak_bytes
from tinydet.compiler.memory.planners import arena_bytes, plan_best, plan_greedy
from tinydet.compiler.memory.planning import (
    Objective,
    PlanRequest,
    plan_memory,
    with_output_scratch,
)
from tinydet.compiler.memory.record import plan_record
from tinydet.compiler.memory.validator import find_faults, validate_offsets

__all__ = [
    "Buffer",
    "InputMode",
    "Life",
    "Objective",
    "Offset",
    "Plan",
    "PlanRequest",
    "arena_bytes",
    "constant_buffer",
    "find_faults",
    "live_bytes",
    "lower_bound_bytes",
    "plan_best",
    "plan_greedy",
    "plan_memory",
    "plan_record",
    "proven",
    "validate_offsets",
    "whole_tensor_peak_bytes",
    "with_output_scratch",
]
