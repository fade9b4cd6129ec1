"""Training: batches, matching, loss, schedules, checkpoints."""

from tinydet.training.loop import TrainingOptions, TrainingResult, seed_everything, train

__all__ = ["TrainingOptions", "TrainingResult", "seed_everything", "train"]
