"""Whether a resumed run is the run that was started."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import keras

from tinydet.config.detector_spec import DetectorSpec
from tinydet.data.augment import Augmentation
from tinydet.data.dataset import Sample
from tinydet.training.options import TrainingOptions

# Options that do not touch the result.
SPEED_ONLY = ("num_workers", "cache_images", "cache_dir", "cache_dir_limit_bytes")


def fingerprint(
    model: keras.Model,
    spec: DetectorSpec,
    parts: Sequence[Sequence[Sample]],
    augmentation: Augmentation,
    options: TrainingOptions,
) -> str:
    """Hash of what decides the course of a run.

    The same for the same settings in another process: no address, no order of a set, no absolute
    path goes into it (a data set may have moved).

    Args:
        model: Kinds of layers, size, dropout and momentum count, neither weights nor names.
        spec: Except for its provenance.
        parts: Training and validation samples; file names and labels count, not pixels.
        augmentation: Names, rates and arguments of its functions.
        options: Except for those that only concern speed.

    Returns:
        64 hexadecimal digits.
    """
    settings = {name: v for name, v in asdict(options).items() if name not in SPEED_ONLY}
    if options.accumulate == 1:  # runs from before there was such an option can be resumed
        del settings["accumulate"]
    if options.teacher_model is None:  # likewise
        del settings["teacher_model"], settings["teacher_weight"]
    else:
        settings["teacher_model"] = hashlib.sha256(options.teacher_model.read_bytes()).hexdigest()
    network = [
        [type(layer).__name__, getattr(layer, "rate", None), getattr(layer, "momentum", None)]
        for layer in model.layers
    ]
    steps = [[step.name, step.change_rate, dict(step.arguments)] for step in augmentation.steps]
    described = [
        settings,
        spec.model_dump(mode="json", exclude={"provenance"}),
        [model.count_params(), network],
        [augmentation.random_order, steps, augmentation.mosaic],
    ]
    digest = hashlib.sha256(json.dumps(described, sort_keys=True, default=_plain).encode())
    for samples in parts:
        digest.update(f"{len(samples)} samples".encode())
        for sample in samples:
            digest.update(sample.path.name.encode("utf-8", "surrogateescape"))
            for labels in (sample.boxes, sample.class_ids, sample.ignored):
                digest.update(labels.tobytes())
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """JSON form of what JSON does not know; never ``repr``, which may hold an address."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)
    return str(type(value))
