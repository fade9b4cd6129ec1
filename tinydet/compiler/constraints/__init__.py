"""What the compiler can translate."""

# In the order in which an op is held to them: types before numbers.
from tinydet.compiler.constraints import general, weights, others, scales  # isort: skip
from tinydet.compiler.constraints.kinds import FOLDED_KINDS
from tinydet.compiler.constraints.rule import (
    CONSTRAINTS,
    Finding,
    findings_of,
    grouped,
    unknown_operator,
)

__all__ = [
    "CONSTRAINTS",
    "FOLDED_KINDS",
    "Finding",
    "findings_of",
    "general",
    "grouped",
    "others",
    "scales",
    "unknown_operator",
    "weights",
]
