"""How far the model is from what others measured on boards: the error every estimate carries.

The figures are those of the programs that were not looked at while calibrating, in
``benchmarks/results/timing_validation.json``; a test holds them equal.
"""

from dataclasses import dataclass

from tinydet.compiler import VECTOR_CORES


@dataclass(frozen=True)
class ModelError:
    """Error of the model on programs that others timed.

    Attributes:
        points: Number of programs.
        median: Median of the absolute relative errors.
        worst: Largest of them.
        instead: What is known where there was no such program; then the others are 0.
    """

    points: int
    median: float
    worst: float
    instead: str = ""

    def text(self) -> str:
        """As ``"estimate; 28 programs on real boards: median error 3 %, worst 15 %"``."""
        if not self.points:
            return f"estimate that was not checked on any board: {self.instead}"
        return (
            f"estimate; {self.points} programs on real boards: median error "
            f"{self.median:.0%}, worst {self.worst:.0%}"
        )


MODEL_ERROR = ModelError(points=19, median=0.0101, worst=0.0524)
# benchmarks/results/core_validation.json: CoreMark by clang against what Arm publishes for its own
# compiler takes 24 to 31 % more cycles on the cores above, of which nearly all is the compiler's.
UNCHECKED = ModelError(
    0,
    0.0,
    0.0,
    "units and latencies are those that compilers schedule by; expect it to be off by a quarter",
)


def error_of(core: str) -> ModelError:
    """The error that estimates for a core carry.

    Args:
        core: Name of the target.
    """
    return UNCHECKED if core in VECTOR_CORES else MODEL_ERROR
