"""The network of a configuration: a new one, and what it takes before it is trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinydet.backends import BACKENDS, choose_backend
from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec, load_detector_spec
from tinydet.config.schema import UserConfig
from tinydet.errors import MissingToolError
from tinydet.progress import stage

CONVERTER = "tensorflow"  # the backend that can also write .tflite files
NUM_NOISE_IMAGES = 4  # calibrate random weights; no byte of arena or code depends on them


def require_training_tools(wish: str, backend: str = "auto") -> None:
    """Settle the backend of Keras, or say in one line what is missing.

    Args:
        wish: What is to be done, for the message.
        backend: See ``choose_backend``.

    Raises:
        MissingToolError: Keras or the backend is not installed.
        UnsupportedError: There is no such backend, or the process has begun with another one.
    """
    from importlib.util import find_spec

    chosen = choose_backend(backend, wish)
    if find_spec("keras") is None:
        remedy = f"Install it: pip install 'tinydet[{chosen.extra}]'."
        raise MissingToolError(wish, "keras", remedy)


def require_conversion_tools(wish: str) -> None:
    """Say in one line that what converts to int8 is missing; with which backend Keras runs is free.

    Raises:
        MissingToolError: TensorFlow is not installed.
    """
    if not BACKENDS[CONVERTER].is_installed():
        remedy = "Install it: pip install 'tinydet[train]' (a GPU is not needed)."
        raise MissingToolError(wish, CONVERTER, remedy)


def new_model_and_spec(
    config: UserConfig, class_names: tuple[str, ...], say: Callable[[str], None] | None = None
) -> tuple[Any, DetectorSpec]:
    """The network of a configuration, not trained yet, and what it is for.

    Args:
        config: With ``training.model``.
        class_names: What it will know, in order.
        say: Told in one line what is taken from a trained detector, where one is named.

    Raises:
        ModelFileError: ``pretrained_weights`` cannot be loaded.
        UnsupportedError: They are those of a detector of another width.
        ValueError: There is no ``training.model``.
    """
    from tinydet.model import build_detector, detector_to_start_from, start_from_detector
    from tinydet.training.options import RECIPES

    section = config.training
    if section.model is None:
        raise ValueError("a new network needs training.model")
    size = section.model.network_size()
    preprocess = config.preprocess_spec()
    spec = DetectorSpec(
        class_names=class_names,
        alpha=section.model.alpha,
        preprocess=preprocess,
        anchors=config.anchor_spec(),
        postprocess=config.postprocess_spec(),
    )
    weights = section.model.pretrained_weights
    start = detector_to_start_from(weights, preprocess.height, preprocess.width)
    model = build_detector(
        preprocess.height,
        preprocess.width,
        len(class_names),
        alpha=section.model.alpha,
        pretrained_weights=None if start else weights,
        anchors_per_cell=len(spec.anchors.aspect_ratios) + 1,
        fpn_channels=size.fpn_channels,
        head_depth=size.head_depth,
        deepest_tap=size.deepest_tap,
        predictor_batch_norm=RECIPES[section.recipe].predictor_batch_norm,
        batch_norm_momentum=section.batch_norm_momentum,
        dropout=section.dropout or 0.0,
    )
    if start is not None:
        same = _class_names_of(start) == class_names
        started = start_from_detector(model, start, same_classes=same)
        if say is not None:
            say(str(started))
    return model, spec


def _class_names_of(model_path: Path) -> tuple[str, ...] | None:
    """What a detector knows, by its ``detector.json``; None where there is none."""
    beside = model_path.with_name(DETECTOR_FILE)
    return load_detector_spec(beside).class_names if beside.is_file() else None


@stage("make the network")
def untrained_int8(config: UserConfig, class_names: tuple[str, ...], folder: Path) -> Path:
    """Build the network of a configuration with random weights and quantize it on noise.

    Layout and sizes are those of a trained one, except that training may leave constant channels,
    which take no memory.

    Args:
        config: With ``training.model``; no pretrained weights are loaded.
        class_names: What the detector will know.
        folder: Gets the files.

    Returns:
        The ``.tflite``, with its ``detector.json``.
    """
    import numpy as np
    from PIL import Image

    from tinydet.quantization import quantize

    model, spec = new_model_and_spec(_from_random_weights(config), class_names)
    path = folder / "random.keras"
    model.save(path)
    spec.save(folder / DETECTOR_FILE)
    shape = (*spec.input_size, 3)
    images = [folder / f"noise_{index}.png" for index in range(NUM_NOISE_IMAGES)]
    for index, image in enumerate(images):
        noise = np.random.default_rng(index).integers(0, 256, shape, np.uint8)
        Image.fromarray(noise).save(image)
    return quantize(path, images, folder / "quantized")


def _from_random_weights(config: UserConfig) -> UserConfig:
    if config.training.model is None:
        return config
    model = config.training.model.model_copy(update={"pretrained_weights": None})
    return config.model_copy(
        update={"training": config.training.model_copy(update={"model": model})}
    )
