"""Where each activation lies in the arena: buffers, planners, and a validator of its own."""

from tinydet.compiler.memory.buffers import Buffer, Offset, lower_bound_bytes
from tinydet.compiler.memory.plan import INPUT_SCRATCH, OUTPUT_SCRATCH, Plan, plan_memory
from tinydet.compiler.memory.planners import arena_bytes, plan_best, plan_greedy
from tinydet.compiler.memory.validator import find_clobbered, validate

__all__ = [
    "INPUT_SCRATCH",
    "OUTPUT_SCRATCH",
    "Buffer",
    "Offset",
    "Plan",
    "arena_bytes",
    "find_clobbered",
    "lower_bound_bytes",
    "plan_best",
    "plan_greedy",
    "plan_memory",
    "validate",
]
