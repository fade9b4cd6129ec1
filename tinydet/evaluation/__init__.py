"""How well a detector does on labelled images: figures, pictures, float against int8."""

from tinydet.evaluation.comparison import Comparison, compare, format_comparison, save_comparison
from tinydet.evaluation.evaluator import evaluate
from tinydet.evaluation.result import EvaluationResult, EvaluationSettings, load_result
from tinydet.evaluation.sheets import save_lost_images
from tinydet.evaluation.text import format_result

__all__ = [
    "Comparison",
    "EvaluationResult",
    "EvaluationSettings",
    "compare",
    "evaluate",
    "format_comparison",
    "format_result",
    "load_result",
    "save_comparison",
    "save_lost_images",
]
