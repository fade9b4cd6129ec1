"""Training: batches, matching, loss, schedules, checkpoints."""

import tinydet.model  # noqa: F401 - before Keras: loads the framework without its messages
from tinydet.training.loop import train
from tinydet.training.options import TrainingOptions, TrainingResult
from tinydet.training.preparation import seed_everything

__all__ = ["TrainingOptions", "TrainingResult", "seed_everything", "train"]
