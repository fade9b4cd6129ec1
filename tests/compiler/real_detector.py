"""The real architecture: the bundled detector, and one of random weights."""

from dataclasses import asdict

import numpy as np
from PIL import Image

from tinydet.config.detector_spec import (
    DETECTOR_FILE,
    AnchorSpec,
    DetectorSpec,
    PostprocessSpec,
    PreprocessSpec,
    load_detector_spec,
)
from tinydet.pretrained import pretrained_model

SIDE = 96


def shipped_detector():
    """The int8 file of the package (one scale per channel) and its specification: no conversion.

    Its threshold is lowered, so that noise gives boxes.
    """
    path = pretrained_model("person_192")
    spec = load_detector_spec(path.with_name(DETECTOR_FILE))
    postprocess = spec.postprocess.model_copy(update={"score_threshold": 0.01})
    return path, spec.model_copy(update={"postprocess": postprocess})


def per_tensor_detector(folder):
    """A .tflite of random weights, one scale per tensor, and its specification.

    Of the small size: TensorFlow takes long to convert the layers of the standard one.
    """
    import keras

    from tinydet.config.schema.training import SIZES
    from tinydet.model import build_detector
    from tinydet.quantization import QuantizationOptions, quantize

    keras.utils.set_random_seed(4)
    spec = DetectorSpec(
        class_names=("person",),
        alpha=0.35,
        preprocess=PreprocessSpec(height=SIDE, width=SIDE),
        anchors=AnchorSpec(smallest=(0.2, 0.3)),
        postprocess=PostprocessSpec(score_threshold=0.01),
    )
    path = folder / "model" / "best_model.keras"
    path.parent.mkdir()
    build_detector(SIDE, SIDE, 1, alpha=0.35, **asdict(SIZES["small"])).save(path)
    rng = np.random.default_rng(2)
    images = []
    for index in range(6):
        coarse = rng.integers(0, 256, (6, 6, 3), np.uint8)
        images.append(folder / f"{index}.png")
        Image.fromarray(coarse).resize((SIDE, SIDE)).save(images[-1])
    options = QuantizationOptions(granularity="per_tensor")
    model = quantize(path, images, folder / "int8", spec=spec, options=options)
    return model, spec
