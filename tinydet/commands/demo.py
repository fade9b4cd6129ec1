"""``tinydet demo``: everything on a generated data set, in minutes on a laptop."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.commands.options import Command, output_option
from tinydet.commands.predict import predict
from tinydet.commands.train import train_with
from tinydet.result import Result, shown_path

if TYPE_CHECKING:
    from tinydet.pipeline import RunResult
    from tinydet.prediction import PredictResult

COMMAND = Command(
    "demo",
    "generate a data set, train, quantize, evaluate, predict, report",
    "tinydet.commands.demo:demo",
    (output_option("demo"),),
)
IMAGES, EPOCHS = 600, 20
# From random weights (nothing is downloaded) in few epochs: small batches for more steps, a high
# learning rate, moving averages that keep up with it, and pictures changed little, because the
# generated ones vary by themselves.
VALUES = {
    "operation_mode": "chain_tqe",
    "general.project_name": "demo",
    "postprocessing.IoU_eval_thresh": 0.5,
    "evaluation.iou_thresholds": [0.5],
    "training.model.pretrained_weights": "None",
    "training.epochs": EPOCHS,
    "training.batch_size": 16,
    "training.batch_norm_momentum": 0.95,
    "training.ema_momentum": "None",
    "training.callbacks.LRWarmupCosineDecay.initial_lr": 0.001,
    "training.callbacks.LRWarmupCosineDecay.warmup_steps": 1,
    "training.callbacks.LRWarmupCosineDecay.max_lr": 0.005,
    "training.callbacks.LRWarmupCosineDecay.decay_steps": EPOCHS - 1,
    "data_augmentation.random_crop.change_rate": 0.3,
    "data_augmentation.random_contrast.change_rate": 0,
    "data_augmentation.random_brightness.change_rate": 0,
    "data_augmentation.random_hsv.change_rate": 0,
}


@dataclass(frozen=True)
class DemoResult(Result):
    """Results of the demo.

    Attributes:
        data: The generated data set.
        run: Training, quantization and evaluation.
        predictions: Detections of the int8 model in the validation images.
        report: Path of ``report.html``.
    """

    data: Path
    run: "RunResult"
    predictions: "PredictResult"
    report: Path

    def __str__(self) -> str:
        return f"{self.predictions}\n\nDone. Open {shown_path(self.report)}"


def demo(output: str | Path = "demo") -> DemoResult:
    """Generate a data set, train, quantize, evaluate float and int8, predict, and report.

    Args:
        output: Folder for the data set and the run.
    """
    from tinydet.config.files import make_folder
    from tinydet.data.generate import generate_dataset
    from tinydet.report import write_report

    output = make_folder(Path(output))
    data, run_folder = output / "data", output / "run"
    data_file = generate_dataset(data, images=IMAGES)
    trained = train_with(data_file, {**VALUES, "hydra.run.dir": run_folder})
    model = run_folder / "quantized_models" / "quantized_model.tflite"
    predictions = predict(model, str(data / "images" / "val"), output=run_folder / "predictions")
    return DemoResult(data, trained, predictions, write_report(run_folder))
