"""How far the model is from what others measured on boards: the error every estimate carries.

The figures are those of the programs that were not looked at while calibrating, in
``benchmarks/results/timing_validation.json``; a test holds them equal.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelError:
    """Error of the model on programs that others timed.

    Attributes:
        points: Number of programs.
        median: Median of the absolute relative errors.
        worst: Largest of them.
    """

    points: int
    median: float
    worst: float

    def text(self) -> str:
        """As ``"estimate; 28 programs on real boards: median error 3 %, worst 15 %"``."""
        return (
            f"estimate; {self.points} programs on real boards: median error "
            f"{self.median:.0%}, worst {self.worst:.0%}"
        )


MODEL_ERROR = ModelError(points=19, median=0.0101, worst=0.0524)
