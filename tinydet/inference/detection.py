"""The one way from images to detections, whatever kind of model does the work."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tinydet.boxes import Detections, FloatArray, box_area, clip_boxes, select_detections
from tinydet.config.detector_spec import PostprocessSpec, PreprocessSpec
from tinydet.data.images import read_image
from tinydet.data.opencv_threads import single_threaded_opencv
from tinydet.data.preprocess import ImageArray, boxes_to_image, preprocess
from tinydet.inference.detector import Detector, OwnSelection
from tinydet.look_ahead import in_order

ImageSize = tuple[int, int]  # (height, width), pixels
FileDetections = tuple[Path, Detections, ImageSize]

MAX_BATCH = 8  # enough to amortise a Keras call, few enough to keep the look-ahead small
CHUNKS_AHEAD_PER_WORKER = 2


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
    if not images_u8:
        return []
    inputs = np.stack([preprocess(image, detector.spec.preprocess) for image in images_u8])
    class_scores, boxes = detector.outputs(inputs)
    select = detector.select if isinstance(detector, OwnSelection) else select_by_class
    return [
        to_image(
            select(scores_one, boxes_one, postprocess),
            (image.shape[0], image.shape[1]),
            detector.spec.preprocess,
        )
        for image, scores_one, boxes_one in zip(images_u8, class_scores, boxes, strict=True)
    ]


def select_by_class(
    class_scores: FloatArray, boxes: FloatArray, postprocess: PostprocessSpec
) -> Detections:
    """``select_detections`` with the thresholds of a specification."""
    return select_detections(
        class_scores,
        boxes,
        postprocess.score_threshold,
        postprocess.nms_iou_threshold,
        postprocess.max_detections,
        postprocess.box_voting_iou,
    )


def select_in_image(
    class_scores: FloatArray,
    boxes: FloatArray,
    postprocess: PostprocessSpec,
    image_size: ImageSize,
    preprocess_spec: PreprocessSpec,
) -> Detections:
    """The detections of one image, from what the network says of all anchors.

    Evaluation, prediction and the validation of a training all take this way; only a file with a
    post-processing operator of its own selects as that does.

    Args:
        class_scores: ``[NA, 1 + num_classes]``, background first.
        boxes: Decoded boxes ``[NA, 4]``, fractions of the network input.
        postprocess: Thresholds.
        image_size: ``(height, width)`` of the image, pixels.
        preprocess_spec: How the image became the network input.

    Returns:
        Detections with boxes as fractions of the image, clipped to it, highest score first.
    """
    return to_image(select_by_class(class_scores, boxes, postprocess), image_size, preprocess_spec)


def to_image(
    detections: Detections, image_size: ImageSize, preprocess_spec: PreprocessSpec
) -> Detections:
    """Detections in the network input as detections in the image.

    Args:
        detections: Boxes as fractions of the network input.
        image_size: ``(height, width)`` of the image, pixels.
        preprocess_spec: How the image became the network input.

    Returns:
        Boxes as fractions of the image, clipped to it. What lies outside of it is left out: in
        the filling around a letterboxed image, or beside the part that was cut out.
    """
    boxes = clip_boxes(boxes_to_image(detections.boxes, image_size, preprocess_spec))
    inside = box_area(boxes) > 0
    return Detections(boxes[inside], detections.scores[inside], detections.class_ids[inside])


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
    size = max(1, min(MAX_BATCH, -(-len(paths) // workers)))
    chunks = [paths[i : i + size] for i in range(0, len(paths), size)]
    with single_threaded_opencv(), ThreadPoolExecutor(workers) as pool:
        found = in_order(
            pool,
            lambda chunk: _detect_chunk(detector, chunk, postprocess),
            chunks,
            CHUNKS_AHEAD_PER_WORKER * workers - 1,
        )
        for chunk in found:
            yield from chunk


def _detect_chunk(
    detector: Detector, paths: Sequence[Path], postprocess: PostprocessSpec
) -> list[FileDetections]:
    images = [read_image(path) for path in paths]
    return [
        (path, detections, (image.shape[0], image.shape[1]))
        for path, image, detections in zip(
            paths, images, detect_batch(detector, images, postprocess), strict=True
        )
    ]
