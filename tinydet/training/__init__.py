"""Training: batches, matching, loss, schedules, checkpoints."""

import tinydet.model  # noqa: F401 - before Keras: loads the framework without its messages
from tinydet.training.loop import train
from tinydet.training.model_setup import seed_everything
from tinydet.training.options import TrainingOptions, TrainingResult

__all__ = ["TrainingOptions", "TrainingResult", "seed_everything", "train"]
