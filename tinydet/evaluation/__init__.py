"""How well a detector does on labelled images: figures, pictures, float against int8."""

from tinydet.evaluation.comparison import compare, format_comparison, save_comparison
from tinydet.evaluation.evaluator import evaluate
from tinydet.evaluation.result import EvaluationResult, EvaluationSettings
from tinydet.evaluation.sheets import save_lost_images
from tinydet.evaluation.text import format_result

__all__ = [
    "EvaluationResult",
    "EvaluationSettings",
    "compare",
    "evaluate",
    "format_comparison",
    "format_result",
    "save_comparison",
    "save_lost_images",
]
