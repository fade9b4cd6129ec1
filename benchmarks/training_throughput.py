"""Images per second of training: the data pipeline alone, the step alone, and both together.

    python benchmarks/training_throughput.py DATASET --config configs/coco_person_192_a035.yaml

The pipeline is no bottleneck where it is faster alone than the step is alone.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from record import write_result

from tinydet.config.loader import load_config
from tinydet.data.augment import make_augmentation
from tinydet.pipeline.datasets import load_training

WARM_UP_STEPS, ROUNDS = 4, 5


def main() -> None:
    """Measure and write results/training_throughput.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=16, help="steps per round")
    parsed = parser.parse_args()
    environment = {**os.environ, "COCO": str(parsed.data)}
    overrides = ["training.model.pretrained_weights=None"]
    config = load_config(parsed.config, overrides, environment).config

    import cv2
    import keras

    from tinydet.config.detector_spec import DetectorSpec
    from tinydet.inference.decoding import spec_anchors
    from tinydet.model import build_detector
    from tinydet.training.batch_norm import use_fused_batch_norm
    from tinydet.training.batches import TrainingBatches
    from tinydet.training.losses import DetectionLoss

    cv2.setNumThreads(1)
    training, _ = load_training(config.dataset)
    spec = DetectorSpec(
        class_names=training.class_names,
        preprocess=config.preprocess_spec(),
        anchors=config.anchor_spec(),
    )
    section = config.training
    batches = TrainingBatches(
        training.samples,
        make_augmentation(config.data_augmentation),
        spec.preprocess,
        batch_size=section.batch_size,
        seed=1,
        num_workers=section.num_workers,
    )
    model = build_detector(*spec.input_size, spec.num_classes, alpha=section.model.alpha)
    use_fused_batch_norm(model)
    optimizer = getattr(keras.optimizers, section.optimizer_name)(**section.optimizer_arguments)
    loss = DetectionLoss(spec_anchors(spec))
    model.compile(optimizer=optimizer, loss=loss, jit_compile=False)

    stream = batches.epochs(0, 10_000)
    batch = next(stream)
    for _ in range(WARM_UP_STEPS):
        model.train_on_batch(*batch)
    for _ in range(batches.steps_per_epoch):  # decoded once, as in every epoch but the first
        next(stream)
    tasks: dict[str, Callable[[], object]] = {
        "pipeline_alone": lambda: next(stream),
        "step_alone": lambda: model.train_on_batch(*batch),
        "together": lambda: model.train_on_batch(*next(stream)),
    }
    speeds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(ROUNDS):  # side by side, so that a busy moment hits all of them
        for name, task in tasks.items():
            start = time.perf_counter()
            for _ in range(parsed.steps):
                task()
            speeds[name].append(parsed.steps * section.batch_size / (time.perf_counter() - start))
    stream.close()
    figures = {
        f"{name}_images_per_second": round(statistics.median(values), 1)
        for name, values in speeds.items()
    }
    figures["rounds"] = {name: [round(v, 1) for v in values] for name, values in speeds.items()}
    figures["batch_size"] = section.batch_size
    figures["input"] = list(spec.input_size)
    command = f"python benchmarks/training_throughput.py coco-person --config {parsed.config}"
    write_result("training_throughput", command, figures)


if __name__ == "__main__":
    main()
