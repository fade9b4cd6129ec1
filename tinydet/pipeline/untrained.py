"""The int8 file of a network that is not trained yet: what it takes is known before."""

from collections.abc import Sequence
from pathlib import Path

from tinydet.config.detector_spec import DETECTOR_FILE
from tinydet.config.loader import load_config
from tinydet.config.schema import UserConfig
from tinydet.config.template import render_template

NUM_NOISE_IMAGES = 4  # calibrate random weights; no byte of arena or code depends on them
RANDOM_START = "training.model.pretrained_weights=None"


def configured_network(
    config_file: Path | None, overrides: Sequence[str], folder: Path
) -> UserConfig:
    """The configuration of a network, with random weights.

    Args:
        config_file: Where ``training.model`` is; None takes the defaults of ``tinydet init``.
        overrides: ``key=value``.
        folder: For what is written on the way.

    Raises:
        ConfigError: The file is none, or a value is not supported.
    """
    if config_file is None:
        config_file = folder / "defaults.yaml"
        config_file.write_text(render_template(), encoding="utf-8")
    return load_config(config_file, [*overrides, RANDOM_START]).config


def untrained_int8(config: UserConfig, class_names: tuple[str, ...], folder: Path) -> Path:
    """Build the network of a configuration with random weights and quantize it on noise.

    Layout and sizes are those of a trained one, except that training may leave constant channels,
    which take no memory.

    Args:
        config: With ``training.model``.
        class_names: What the detector will know.
        folder: Gets the files.

    Returns:
        The ``.tflite``, with its ``detector.json``.
    """
    import numpy as np
    from PIL import Image

    from tinydet.pipeline.train_stage import new_model_and_spec
    from tinydet.quantization import quantize

    model, spec = new_model_and_spec(config, class_names)
    path = folder / "random.keras"
    model.save(path)
    spec.save(folder / DETECTOR_FILE)
    shape = (*spec.input_size, 3)
    images = [folder / f"noise_{index}.png" for index in range(NUM_NOISE_IMAGES)]
    for index, image in enumerate(images):
        noise = np.random.default_rng(index).integers(0, 256, shape, np.uint8)
        Image.fromarray(noise).save(image)
    return quantize(path, images, folder / "quantized")
