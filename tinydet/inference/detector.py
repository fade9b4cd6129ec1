"""The one way from images to detections, whatever kind of model does the work."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from tinydet.boxes import Detections, FloatArray, box_area, clip_boxes, select_detections
from tinydet.config.detector_spec import (
    DETECTOR_FILE,
    DetectorSpec,
    PostprocessSpec,
    load_detector_spec,
)
from tinydet.errors import ModelFileError, UnsupportedError, near_name
from tinydet.pretrained import LISTED, NAMES, model_path

Engine = Literal["litert", "litert-ref"]
ImageArray = npt.NDArray[np.uint8]
ImageSize = tuple[int, int]  # (height, width), pixels
FileDetections = tuple[Path, Detections, ImageSize]

KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")
TFLITE_SUFFIXES = (".tflite",)
MAX_BATCH = 8  # enough to amortise a Keras call, few enough to keep the look-ahead small
CHUNKS_AHEAD_PER_WORKER = 2


class Detector(Protocol):
    """A model that gives scores and boxes for all anchors.

    ``outputs`` may be called from several threads at once.
    """

    @property
    def spec(self) -> DetectorSpec:
        """Class names, preprocessing, anchors."""

    @property
    def name(self) -> str:
        """File name of the model."""

    def outputs(self, images_u8: ImageArray) -> tuple[FloatArray, FloatArray]:
        """Run the network.

        Args:
            images_u8: Preprocessed images ``[B, H, W, 3]`` uint8, size of the network input.

        Returns:
            ``class_scores [B, NA, 1 + num_classes]`` (softmax, background first) and
            ``boxes [B, NA, 4]`` decoded, fractions of the input, not clipped.
        """


def load_detector(
    path: str | Path,
    spec: DetectorSpec | None = None,
    *,
    num_threads: int = 1,
    engine: Engine = "litert",
) -> Detector:
    """Load a float (.keras, .h5) or quantized (.tflite) detector.

    Args:
        path: The model file, or the name of a detector of the package, as ``person_192`` (int8;
            see ``tinydet.pretrained``).
        spec: What the model was trained for; None reads ``detector.json`` beside the model. A
            foreign .tflite has none: give the class names and preprocessing it was made with.
        num_threads: Threads the network itself may use, per call (.tflite only).
        engine: ``litert``: optimised kernels; ``litert-ref``: the reference kernels, slow, the
            yardstick for exactness (.tflite only).

    Returns:
        The detector.

    Raises:
        ModelFileError: The file is missing or broken, is no detector, or does not fit the spec.
        UnsupportedError: The kind of file, or an operator of it, is not supported.
        MissingToolError: A Keras model is given and Keras is not installed.
    """
    path = model_path(path)
    check_suffix(path)
    if not path.is_file():
        raise ModelFileError(path, "there is no such file", "Correct the path of the model.")
    spec = spec or _spec_beside(path)
    if path.suffix.lower() in KERAS_SUFFIXES:
        from tinydet.inference.keras_detector import KerasDetector

        return KerasDetector(path, spec)
    from tinydet.inference.tflite_detector import TfliteDetector

    return TfliteDetector(path, spec, num_threads=num_threads, engine=engine)


def check_suffix(path: Path) -> None:
    """Refuse a file that is no model by its name.

    Raises:
        UnsupportedError: The suffix is not one of a model file.
    """
    if path.suffix.lower() not in KERAS_SUFFIXES + TFLITE_SUFFIXES:
        raise UnsupportedError(
            str(path),
            f"a model file with suffix {path.suffix!r}",
            ", ".join(KERAS_SUFFIXES + TFLITE_SUFFIXES),
            f"Give a Keras model or a .tflite file, or a detector of the package ({LISTED})."
            f"{near_name(str(path), NAMES)}",
        )


def detect(detector: Detector, image_u8: ImageArray, postprocess: PostprocessSpec) -> Detections:
    """Find the objects in one image.

    Args:
        detector: The model.
        image_u8: RGB image ``[h, w, 3]`` uint8 of any size.
        postprocess: Thresholds.

    Returns:
        Detections with boxes as fractions of ``image_u8``, clipped to it, highest score first.
    """
    return detect_batch(detector, [image_u8], postprocess)[0]


def detect_batch(
    detector: Detector, images_u8: Sequence[ImageArray], postprocess: PostprocessSpec
) -> list[Detections]:
    """Find the objects in some images, each of any size; see ``detect``."""
    from tinydet.data.preprocess import preprocess

    if not images_u8:
        return []
    inputs = np.stack([preprocess(image, detector.spec.preprocess) for image in images_u8])
    class_scores, boxes = detector.outputs(inputs)
    found = []
    for image, scores_one, boxes_one in zip(images_u8, class_scores, boxes, strict=True):
        selected = select_detections(
            scores_one,
            boxes_one,
            postprocess.score_threshold,
            postprocess.nms_iou_threshold,
            postprocess.max_detections,
        )
        found.append(_to_image(selected, (image.shape[0], image.shape[1]), detector.spec))
    return found


def detect_files(
    detector: Detector, paths: Sequence[Path], postprocess: PostprocessSpec, *, workers: int
) -> Iterator[FileDetections]:
    """Find the objects in image files, several at a time.

    Reading, resizing, the network and the box selection all run in the worker threads (OpenCV and
    LiteRT release Python's lock). Only a few files per worker are read ahead, so memory stays
    bounded however long the list and however slow the consumer.

    Args:
        detector: The model.
        paths: Image files.
        postprocess: Thresholds.
        workers: Number of threads, >= 1.

    Yields:
        ``(path, detections, (height, width))`` in the order of ``paths``; the size is that of the
        upright image in pixels, boxes are fractions of it.

    Raises:
        DataError: A file cannot be read as an image.
    """
    from tinydet.data.opencv_threads import single_threaded_opencv

    size = max(1, min(MAX_BATCH, -(-len(paths) // workers)))
    chunks = [paths[i : i + size] for i in range(0, len(paths), size)]
    with single_threaded_opencv(), ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[list[FileDetections]]] = deque()
        try:
            for chunk in chunks:
                pending.append(pool.submit(_detect_chunk, detector, chunk, postprocess))
                if len(pending) >= CHUNKS_AHEAD_PER_WORKER * workers:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _detect_chunk(
    detector: Detector, paths: Sequence[Path], postprocess: PostprocessSpec
) -> list[FileDetections]:
    from tinydet.data.images import read_image

    images = [read_image(path) for path in paths]
    return [
        (path, detections, (image.shape[0], image.shape[1]))
        for path, image, detections in zip(
            paths, images, detect_batch(detector, images, postprocess), strict=True
        )
    ]


def _to_image(detections: Detections, image_size: ImageSize, spec: DetectorSpec) -> Detections:
    from tinydet.data.preprocess import boxes_to_image

    boxes = clip_boxes(boxes_to_image(detections.boxes, image_size, spec.preprocess))
    inside = box_area(boxes) > 0  # a box may lie in the filling around a letterboxed image
    return Detections(boxes[inside], detections.scores[inside], detections.class_ids[inside])


def _spec_beside(path: Path) -> DetectorSpec:
    beside = path.with_name(DETECTOR_FILE)
    if not beside.is_file():
        raise ModelFileError(
            path,
            f"there is no {DETECTOR_FILE} beside it that tells its classes and preprocessing",
            "Give a configuration with dataset.class_names and preprocessing, or copy the "
            f"{DETECTOR_FILE} of the model into its folder.",
        )
    return load_detector_spec(beside)
