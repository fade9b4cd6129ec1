"""The detector in a ``.tflite`` file: ours, a published layout, or one with its own selection."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinydet.boxes import Detections, FloatArray
from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec, PostprocessSpec
from tinydet.errors import ModelFileError, UnsupportedError
from tinydet.inference.decoding import decode_batch, matching_anchors
from tinydet.inference.detector import Engine
from tinydet.inference.detector_metadata import read_detector_metadata
from tinydet.inference.other_networks import KNOWN, appearance
from tinydet.inference.output_roles import NoDetectorError, OutputRoles, find_roles, shapes_text
from tinydet.inference.post_processing import OPERATOR, PostProcessing, codes_and_scores
from tinydet.inference.tflite_network import TfliteNetwork, pixel_blocks, read_content
from tinydet.tensor_code import AnyArray, pixel_codes

MIN_LEVELS = 16  # input codes that the 256 pixel values must give, so that a picture is left


@dataclass(frozen=True)
class TfliteFile:
    """A file that is proven to hold a detector.

    Attributes:
        network: What runs it; without its post-processing operator.
        num_classes: Without the background.
        roles: Which output is which, where it has no post-processing operator.
        num_anchors: Rows of its outputs.
        anchors: ``[NA, 4]`` as an output of the file states them, else None.
        post_processing: What its post-processing operator is told, or MediaPipe by its metadata.
        places: Which outputs hold the box codes and the scores, where it has one of these.
    """

    network: TfliteNetwork
    num_classes: int
    num_anchors: int
    roles: OutputRoles | None = None
    anchors: FloatArray | None = None
    post_processing: PostProcessing | None = None
    places: tuple[int, int] = (0, 1)


def open_tflite(path: Path, *, num_threads: int = 1, engine: Engine = "litert") -> TfliteFile:
    """Load a file and find out what it is, before anything is known of its classes.

    Raises:
        ModelFileError: The file is broken, or is not a detector: then what it looks like.
        UnsupportedError: It uses an operator or a type the engine does not have.
    """
    content, post_processing = read_content(path), None
    if OPERATOR.encode() in content:
        from tinydet.inference.tflite_rewriting import cut_post_processing

        # Before LiteRT sees it: damaged options of the operator end the whole program there.
        content, post_processing = cut_post_processing(content, path)
    else:
        post_processing = read_detector_metadata(content, path)
    network = runnable_network(content, path, num_threads=num_threads, engine=engine)
    if not network.takes_images:
        raise _no_detector(network, [], f"its input is {shapes_text(network.input_shapes)}")
    black, colours = network.probe()
    if post_processing is not None:
        return TfliteFile(
            network,
            post_processing.num_classes,
            len(post_processing.anchors),
            post_processing=post_processing,
            places=codes_and_scores([output.shape for output in black], post_processing, path),
        )
    try:
        roles = find_roles(black, colours)
    except NoDetectorError as error:
        raise _no_detector(network, black, str(error)) from None
    scores, _, anchors = roles.split(black)
    return TfliteFile(network, scores.shape[-1] - 1, scores.shape[1], roles, anchors)


def load_tflite(
    path: Path, spec: DetectorSpec, *, num_threads: int = 1, engine: Engine = "litert"
) -> "TfliteDetector | PostProcessedDetector":
    """The detector of a file, which fits the specification.

    Args:
        path: The model file.
        spec: What the model was trained for.
        num_threads: Threads of one interpreter.
        engine: See ``load_detector``.

    Raises:
        ModelFileError: As ``open_tflite``; or input size, classes or rescaling do not fit.
        UnsupportedError: As ``open_tflite``.
    """
    file = open_tflite(path, num_threads=num_threads, engine=engine)
    codes = _fitting_codes(file, spec)
    if file.post_processing is not None:
        return PostProcessedDetector(file, spec, codes, file.post_processing)
    assert file.roles is not None
    anchors = file.anchors
    if anchors is None:
        anchors = matching_anchors(spec, file.num_anchors, path)
    return TfliteDetector(file.network, spec, codes, file.roles, anchors)


@dataclass(eq=False)
class TfliteDetector:
    """Runs a ``.tflite`` detector: ours, or one of the published layouts.

    Outputs may be joined ``[B, NA, NC + 8]``, two (scores, deltas) or three (scores, deltas,
    anchors), in any order; float, int8 or uint8; with a fixed or dynamic batch size. Anchors the
    model carries are used as they are (a published file has them rounded to int8), else those of
    the specification's recipe.

    Attributes:
        network: The file.
        spec: What the model was trained for.
        codes: The input code of each pixel value.
        roles: Which output is which.
        anchors: ``[NA, 4]``.
    """

    network: TfliteNetwork
    spec: DetectorSpec
    codes: AnyArray
    roles: OutputRoles
    anchors: FloatArray

    @property
    def name(self) -> str:
        """File name of the model."""
        return self.network.path.name

    def outputs(self, images_u8: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        """See ``Detector.outputs``."""
        scores, boxes = [], []
        for inputs, count in pixel_blocks(images_u8, self.codes, self.network.batch):
            class_scores, box_deltas, _ = self.roles.split(self.network.run(inputs))
            scores.append(class_scores[:count])
            boxes.append(decode_batch(box_deltas[:count], self.anchors))
        return np.concatenate(scores), np.concatenate(boxes)


class PostProcessedDetector:
    """Runs a ``.tflite`` file that ends in ``TFLite_Detection_PostProcess``, or needs MediaPipe.

    The network runs without the operator, so that a threshold can be any; boxes are decoded and
    selected as the operator, or MediaPipe, does it.

    Args:
        file: The file, its network without the operator.
        spec: Class names and preprocessing.
        codes: The input code of each pixel value.
        operator: What the operator is told.
    """

    def __init__(
        self,
        file: TfliteFile,
        spec: DetectorSpec,
        codes: AnyArray,
        operator: PostProcessing,
    ) -> None:
        self.spec, self.name = spec, file.network.path.name
        self._network, self._codes, self._operator = file.network, codes, operator
        self._places = file.places

    def outputs(self, images_u8: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        """See ``Detector.outputs``; scores may be sigmoid values, and do not sum to 1 then."""
        scores, boxes = [], []
        for inputs, count in pixel_blocks(images_u8, self._codes, self._network.batch):
            values = self._network.run(inputs)
            box_codes, class_scores = (values[place] for place in self._places)
            class_scores, decoded = self._operator.decode_outputs(box_codes, class_scores)
            scores.append(class_scores[:count])
            boxes.append(decoded[:count])
        return np.concatenate(scores), np.concatenate(boxes)

    def select(
        self, class_scores: FloatArray, boxes: FloatArray, postprocess: PostprocessSpec
    ) -> Detections:
        """See ``PostProcessing.select``."""
        return self._operator.select(class_scores, boxes, postprocess)


def runnable_network(
    content: bytes, path: Path, *, num_threads: int = 1, engine: Engine = "litert"
) -> TfliteNetwork:
    """What runs a file; constants are folded where only that lets the engine run it.

    Raises:
        ModelFileError: The content is broken, or a tensor of it states no scale.
        UnsupportedError: It uses an operator or a type the engine does not have.
    """
    try:
        return TfliteNetwork(content, path, num_threads=num_threads, engine=engine)
    except UnsupportedError as error:
        try:
            TfliteNetwork(content, path)
        except UnsupportedError:
            raise error from None  # no kernel of any kind
    from tinydet.inference.tflite_rewriting import fold_constants

    folded = fold_constants(content, path)
    return TfliteNetwork(folded, path, num_threads=num_threads, engine=engine)


def _fitting_codes(file: TfliteFile, spec: DetectorSpec) -> AnyArray:
    """The input codes of the pixel values; all that does not fit in one message."""
    network, findings, remedies = file.network, [], []
    height, width = spec.input_size
    if network.input_shapes[0][1:3] != (height, width):
        findings.append(
            f"its input is {shapes_text(network.input_shapes)}, but the preprocessing gives "
            f"1x{height}x{width}x3"
        )
        remedies.append("Give the height and width it was trained with.")
    if file.num_classes != spec.num_classes:
        classes = "class" if file.num_classes == 1 else "classes"
        findings.append(f"it finds {file.num_classes} {classes}, not {spec.num_classes}")
        remedies.append(f"This model has {file.num_classes} {classes}: give that many class_names.")
    codes = pixel_codes(network.input_code, spec.preprocess)
    levels = len(np.unique(codes))
    if levels < MIN_LEVELS:
        findings.append(
            f"its input (scale {network.input_code.scale:.6g}, zero point "
            f"{network.input_code.zero_point}) and the rescaling {spec.preprocess.scale:.6g} * "
            f"pixel + {spec.preprocess.offset:g} make {levels} of the 256 pixel values"
        )
        remedies.append(
            f"Correct the rescaling in {DETECTOR_FILE} or the configuration (a scale of 127.5 is "
            "often meant as 1/127.5), or quantize the model again."
        )
    if findings:
        raise ModelFileError(network.path, "; ".join(findings), " ".join(remedies))
    return codes


def _no_detector(network: TfliteNetwork, outputs: list[FloatArray], found: str) -> ModelFileError:
    seems = appearance(network.input_shapes, outputs)
    looks = f"; it looks like {seems}" if seems else ""
    return ModelFileError(
        network.path, f"is not a detector that tinydet can use: {found}{looks}", f"{KNOWN}."
    )
