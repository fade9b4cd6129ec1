"""Validation AP and loss after every epoch."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np

from tinydet.anchors import decode_boxes
from tinydet.boxes import Detections, FloatArray, clip_boxes
from tinydet.config.detector_spec import DetectorSpec, PostprocessSpec
from tinydet.data.dataset import Sample
from tinydet.data.images import read_image
from tinydet.data.preprocess import ImageArray, boxes_to_network, preprocess, rescale
from tinydet.inference import select_in_image
from tinydet.inference.decoding import softmax, spec_anchors
from tinydet.metrics import (
    GroundTruth,
    best_f1,
    match_detections,
    mean_ap,
    pooled_curve,
    precision_recall,
)
from tinydet.training.batches import ground_truth_rows
from tinydet.training.weight_average import WeightAverage, averaged

VALIDATION_METRICS = ("val_loss", "val_map", "val_mpre", "val_mrec")
CACHE_BYTES = 1 << 30  # of network inputs kept between epochs
POSTPROCESS = PostprocessSpec(score_threshold=0.01, nms_iou_threshold=0.5, max_detections=100)


class Chunk(NamedTuple):
    """Some images of the validation set.

    Attributes:
        images: Network inputs ``[B, H, W, 3]`` uint8.
        rows: Labels as the loss takes them ``[B, M, 6]``, fractions of the network input.
        sizes: ``(height, width)`` of each image, pixels.
        truth: Labels of each image, fractions of the image.
    """

    images: ImageArray
    rows: FloatArray
    sizes: list[tuple[int, int]]
    truth: list[GroundTruth]


class Validation:
    """Runs the network over the validation set.

    AP is that of the whole image, as in evaluation: what ``crop`` cuts off counts as not found.

    Args:
        samples: The validation set.
        spec: What the network is for.
        batch_size: Images per step.
        iou_threshold: Of the AP.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        spec: DetectorSpec,
        *,
        batch_size: int,
        iou_threshold: float,
    ) -> None:
        self.samples = samples
        self.preprocess = spec.preprocess
        self.num_classes = spec.num_classes
        self.anchors = spec_anchors(spec)
        self.batch_size = batch_size
        self.iou_threshold = iou_threshold
        voting = spec.postprocess.box_voting_iou
        self.postprocess = POSTPROCESS.model_copy(update={"box_voting_iou": voting})
        self._rows = max(1, max((len(sample.boxes) for sample in samples), default=1))
        self._cache: list[Chunk] = []
        self._fits = len(samples) * prod(spec.input_size) * 3 <= CACHE_BYTES

    def measure(self, model: keras.Model, loss: keras.losses.Loss) -> dict[str, float]:
        """Metrics of the network as it is.

        Args:
            model: See ``build_detector``.
            loss: See ``DetectionLoss``.

        Returns:
            ``val_loss``, ``val_map`` (mean AP at the IoU threshold), and ``val_mpre``,
            ``val_mrec`` (precision and recall at the score with the best F1).
        """
        found: list[Detections] = []
        truth: list[GroundTruth] = []
        losses: list[float] = []
        counts: list[int] = []
        for chunk in self._chunks():
            outputs = model.predict_on_batch(rescale(chunk.images, self.preprocess))
            losses.append(float(loss(chunk.rows, outputs)))
            counts.append(len(outputs))
            found.extend(map(self._detections, outputs, chunk.sizes))
            truth.extend(chunk.truth)
        matches = match_detections(found, truth, self.num_classes)
        best = best_f1(pooled_curve(matches, self.iou_threshold))
        ap = np.array([curve.ap for curve in precision_recall(matches, self.iou_threshold)])
        return {
            "val_loss": float(np.average(losses, weights=counts)),
            "val_map": mean_ap(ap),
            "val_mpre": best.precision,
            "val_mrec": best.recall,
        }

    def _detections(self, outputs: FloatArray, image_size: tuple[int, int]) -> Detections:
        scores = softmax(outputs[:, : 1 + self.num_classes])
        boxes = decode_boxes(outputs[:, 1 + self.num_classes :], self.anchors)
        return select_in_image(scores, boxes, self.postprocess, image_size, self.preprocess)

    def _chunks(self) -> Iterator[Chunk]:
        if self._cache:
            yield from self._cache
            return
        cache = []
        for start in range(0, len(self.samples), self.batch_size):
            chunk = self._read(self.samples[start : start + self.batch_size])
            if self._fits:
                cache.append(chunk)
            yield chunk
        self._cache = cache

    def _read(self, samples: Sequence[Sample]) -> Chunk:
        images, rows, sizes, truth = [], [], [], []
        for sample in samples:
            image = read_image(sample.path)
            size = image.shape[0], image.shape[1]
            boxes = clip_boxes(boxes_to_network(sample.boxes, size, self.preprocess))
            images.append(preprocess(image, self.preprocess))
            rows.append(ground_truth_rows(boxes, sample.class_ids, sample.ignored, self._rows))
            sizes.append(size)
            truth.append(GroundTruth(sample.boxes, sample.class_ids, sample.ignored))
        return Chunk(np.stack(images), np.stack(rows), sizes, truth)


class Measuring(Protocol):
    """What gives ``VALIDATION_METRICS`` of a network."""

    def measure(self, model: keras.Model, loss: keras.losses.Loss) -> dict[str, float]:
        """Metrics of the network as it is."""


class ValidationCallback(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Adds the validation metrics to the epoch's logs, for every callback after it.

    Args:
        validation: Of the validation set.
        loss: The training loss.
        period: Measure every so many epochs, and after the last one; between, the last values
            stand.
        latest: Logs of the epoch before, in a resumed run; empty at the start.
        average: Of the weights: what is measured, where there is one.
    """

    def __init__(
        self,
        validation: Measuring,
        loss: keras.losses.Loss,
        period: int = 1,
        *,
        latest: Mapping[str, float],
        average: WeightAverage | None = None,
    ) -> None:
        super().__init__()
        self.validation = validation
        self.loss = loss
        self.period = period
        self.average = average
        self.latest = {name: latest[name] for name in VALIDATION_METRICS if name in latest}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure and add."""
        is_last = epoch + 1 == self.params["epochs"]
        if not self.latest or is_last or (epoch + 1) % self.period == 0:
            with averaged(self.average):
                self.latest = self.validation.measure(self.model, self.loss)
        if logs is not None:
            logs.update(self.latest)
