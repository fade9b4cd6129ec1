"""How well a detector does on labelled images: figures, pictures, float against int8."""

from tinydet.evaluation.comparison import compare as compare
from tinydet.evaluation.comparison import format_comparison as format_comparison
from tinydet.evaluation.comparison import save_comparison as save_comparison
from tinydet.evaluation.evaluator import evaluate as evaluate
from tinydet.evaluation.result import EvaluationResult as EvaluationResult
from tinydet.evaluation.result import EvaluationSettings as EvaluationSettings
from tinydet.evaluation.sheets import save_lost_images as save_lost_images
from tinydet.evaluation.text import format_result as format_result
