"""The whole way on a generated data set, in minutes on a laptop."""

from pathlib import Path

from tinydet.config.files import make_folder
from tinydet.data.generate import generate_dataset
from tinydet.pipeline.commands import predict_with, train_on
from tinydet.report import write_report

IMAGES, EPOCHS = 600, 20
# From random weights (nothing is downloaded) in few epochs: small batches for more steps, a high
# learning rate, moving averages that keep up with it, and pictures changed little, because the
# generated ones vary by themselves.
SETTINGS = {
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


def run_demo(output: Path) -> Path:
    """Generate, train, quantize, evaluate float and int8, predict, and report.

    Args:
        output: Folder for the data set and the run.

    Returns:
        The report.
    """
    make_folder(output)
    data, run_folder = output / "data", output / "run"
    data_file = generate_dataset(data, images=IMAGES)
    train_on(data_file, {**SETTINGS, "hydra.run.dir": run_folder}, [])
    summary, _ = predict_with(
        run_folder / "quantized_models" / "quantized_model.tflite",
        str(data / "images" / "val"),
        run_folder / "predictions",
        score_threshold=None,
        class_names=None,
        max_frames=None,
    )
    print(summary)  # noqa: T201 - the demo speaks to the user
    report = write_report(run_folder)
    print(f"\nDone. Open {report.resolve()}")  # noqa: T201
    return report
