"""The real architecture with random weights, converted by TensorFlow."""

import numpy as np
from PIL import Image

from tinydet.config.detector_spec import DetectorSpec, PostprocessSpec


def real_detector(folder, granularity, side=192, num_classes=1):
    """A .tflite file and its specification. Takes a minute or two.

    Args:
        folder: Where the files go.
        granularity: ``per_channel`` or ``per_tensor``.
        side: Height and width of the input, pixels.
        num_classes: Without the background.
    """
    import keras

    from tinydet.model import build_detector
    from tinydet.quantization import QuantizationOptions, quantize

    keras.utils.set_random_seed(4)
    spec = DetectorSpec(
        class_names=tuple(f"class {i}" for i in range(num_classes)),
        alpha=0.35,
        postprocess=PostprocessSpec(score_threshold=0.01),
    )
    path = folder / "model" / "best_model.keras"
    path.parent.mkdir()
    build_detector(side, side, num_classes, alpha=0.35).save(path)
    rng = np.random.default_rng(2)
    images = []
    for index in range(6):
        coarse = rng.integers(0, 256, (6, 6, 3), np.uint8)
        images.append(folder / f"{index}.png")
        Image.fromarray(coarse).resize((side, side)).save(images[-1])
    options = QuantizationOptions(granularity=granularity)
    model = quantize(path, images, folder / granularity, spec=spec, options=options)
    return model, spec
