"""What a detector is, apart from its weights: the content of ``detector.json``.

Every stage after training reads this file beside the model, so that a model is always used with
the preprocessing, the anchors and the class names it was trained with.
"""

import json
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tinydet.config.files import write_text_atomically
from tinydet.errors import ModelFileError

Interpolation = Literal["bilinear", "nearest", "area"]
AspectRatio = Literal["fit", "crop", "padding"]
ColorMode = Literal["rgb", "bgr", "grayscale"]

SIDES_PX = (192, 224, 256, 288, 320, 352, 384, 416)
ALPHAS = (0.35, 0.5, 0.75, 1.0)
DETECTOR_FILE = "detector.json"
LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # how Python holds such bytes
UNNAMED_PROJECT = "<unnamed>"  # general.project_name where none is written
KERAS_SUFFIXES, TFLITE_SUFFIXES = (".keras", ".h5", ".hdf5"), (".tflite", ".lite")  # of models
# Of model files that tinydet does not read: named as such, and never taken for images.
OTHER_MODEL_SUFFIXES = (
    *(".onnx", ".pt", ".pth", ".ckpt", ".safetensors", ".pb", ".espdl", ".mlmodel", ".mlpackage"),
    *(".engine", ".nb", ".eim", ".rknn", ".hef", ".mnn"),
)
SAVED_MODEL = "saved_model.pb"  # in a folder that TensorFlow saved


class Spec(BaseModel):
    """Frozen, closed base of all specifications."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PreprocessSpec(Spec):
    """From an image file to the network's input; the same for every stage.

    Attributes:
        height: Network input height, pixels.
        width: Network input width, pixels.
        interpolation: How the image is resampled.
        aspect_ratio: ``fit`` stretches the image to the input; ``crop`` scales it so that the
            input is covered and cuts the centre; ``padding`` scales it so that it fits whole
            and fills the rest with mid-grey (letterbox).
        color_mode: Channel content of the three input channels; ``grayscale`` repeats the luma.
        scale: ``network input = scale * pixel + offset``, pixel in 0..255.
        offset: See ``scale``.
    """

    height: int = 192
    width: int = 192
    interpolation: Interpolation = "bilinear"
    aspect_ratio: AspectRatio = "fit"
    color_mode: ColorMode = "rgb"
    scale: float = 1 / 127.5
    offset: float = -1.0


class AnchorSpec(Spec):
    """Recipe of the anchor grid (see ``tinydet.anchors``).

    Attributes:
        smallest: ``(s0, s1)`` of the first level, fractions of the shorter image side; None takes
            the published formula, which depends on the input size.
        largest: ``(s0, s1)`` of the last level.
        aspect_ratios: width / height of the anchors of size ``s0``; one square anchor of size
            ``s1`` follows them.
    """

    smallest: tuple[float, float] | None = None
    largest: tuple[float, float] = (0.90, 0.98)
    aspect_ratios: tuple[float, ...] = (1.0, 2.0, 1 / 2, 1 / 3)


class PostprocessSpec(Spec):
    """From scores and boxes to detections.

    Attributes:
        score_threshold: Detections below this score are dropped, in [0, 1].
        nms_iou_threshold: Of two boxes of one class that overlap by more than this IoU, the one
            with the lower score is dropped, in (0, 1].
        max_detections: Most detections kept per image, highest scores first.
        box_voting_iou: Each box that is kept becomes the mean, weighted by score, of the boxes of
            its class that overlap it by at least this IoU, in (0, 1]; None: it stays as it is.
    """

    score_threshold: float = Field(0.5, ge=0, le=1)
    nms_iou_threshold: float = Field(0.5, gt=0, le=1)
    max_detections: int = Field(100, ge=1)
    box_voting_iou: float | None = Field(None, gt=0, le=1)


class DetectorSpec(Spec):
    """All a stage needs to know to use a model file.

    Attributes:
        class_names: Names in index order, without the background.
        alpha: Width multiplier of the backbone; None where it is not known (foreign models).
        preprocess: Image file to network input.
        anchors: Recipe of the anchor grid.
        postprocess: Default thresholds of prediction.
        provenance: Where the model comes from: data, seed, versions, metrics. Free-form.
    """

    class_names: tuple[str, ...]
    alpha: float | None = None
    preprocess: PreprocessSpec = PreprocessSpec()
    anchors: AnchorSpec = AnchorSpec()
    postprocess: PostprocessSpec = PostprocessSpec()
    provenance: dict[str, Any] = Field(default_factory=dict)

    @property
    def num_classes(self) -> int:
        """Number of classes, without the background."""
        return len(self.class_names)

    @property
    def input_size(self) -> tuple[int, int]:
        """``(height, width)`` of the network input, pixels."""
        return self.preprocess.height, self.preprocess.width

    def save(self, path: Path) -> None:
        """Write the specification as JSON; the file appears whole or not at all.

        Bytes of a file name that are no UTF-8 become the text of an escape, which can be read back.
        """
        text = json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
        text = LONE_SURROGATE.sub(lambda match: rf"\\u{ord(match[0]):04x}", text)
        write_text_atomically(path, text)


def load_detector_spec(path: Path) -> DetectorSpec:
    """Read a ``detector.json``.

    Args:
        path: The file.

    Returns:
        The specification.

    Raises:
        ModelFileError: The file is missing, is not valid JSON, or lacks or has unknown fields.
    """
    remedy = "Use the detector.json that training or quantization wrote next to the model."
    try:
        return DetectorSpec.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFileError(path, f"cannot be read ({error})", remedy) from None
    except ValidationError as error:
        found = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'content'}: {e['msg']}" for e in error.errors()
        )
        raise ModelFileError(path, f"is not a detector specification ({found})", remedy) from None
