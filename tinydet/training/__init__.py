"""Training: batches, matching, loss, schedules, checkpoints."""

import tinydet.model  # noqa: F401 - before Keras: loads the framework without its messages
from tinydet.training.loop import train as train
from tinydet.training.model_setup import seed_everything as seed_everything
from tinydet.training.options import TrainingOptions as TrainingOptions
