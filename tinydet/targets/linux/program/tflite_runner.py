#!/usr/bin/env python3
"""Runs a detector in the TensorFlow Lite runtime of a board; lies there beside its model.

    python3 NAME.py photo.ppm ...      one JSON line for each image
    python3 NAME.py --stream           images on standard input, as ``tinydet deploy`` sends them
    options: --threads N, --delegate LIBRARY (NPU or GPU), --checksum (of the pixels)

``NAME.tflite`` is the network, ``NAME.json`` what belongs to it: class names, preprocessing, input
code of each pixel value, which output is which, anchors, thresholds. Scaling and box selection are
those of tinydet (``data/preprocess.py``, ``data/resampling.py``, ``boxes.py``) with NumPy alone.
Needs Python 3.8, NumPy, and tflite_runtime or ai_edge_litert; Pillow for files other than PPM.
Exit status: 0 all well, 1 some images could not be used, 2 invalid arguments, 3 it cannot start.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import sys
import time
import zlib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = ("tflite_runtime", "ai_edge_litert")
SOME_FAILED, STOPPED = 1, 3
PADDING_VALUE = 128


class Detector:
    """The network in the runtime, and what belongs to it.

    Args:
        settings: Content of ``NAME.json``.
        model: ``NAME.tflite``.
        threads: Of the kernels for the CPU.
        delegate: Library that takes the network over; None: the CPU.
    """

    def __init__(
        self, settings: dict[str, Any], model: Path, threads: int, delegate: str | None
    ) -> None:
        module, package = _runtime()
        version = getattr(import_module(package), "__version__", "")
        self.runtime = f"{package} {version}".strip()
        delegates = [module.load_delegate(delegate)] if delegate else []
        self._interpreter = module.Interpreter(
            model_path=str(model), num_threads=threads, experimental_delegates=delegates
        )
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = self._interpreter.get_output_details()
        self._codes = np.array(settings["pixel_codes"], self._input["dtype"])
        self._settings = settings
        anchors = base64.b64decode(settings["anchors"])
        self._anchors = np.frombuffer(anchors, "<f4").reshape(-1, 4)

    def network(self, image: Any) -> tuple[Any, Any]:
        """Scores and boxes of all anchors, for one preprocessed image."""
        batch = max(1, int(self._input["shape"][0]))
        inputs = np.repeat(self._codes[image][None], batch, axis=0)
        self._interpreter.set_tensor(self._input["index"], inputs)
        self._interpreter.invoke()
        outputs = [self._real(details) for details in self._outputs]
        roles, anchors = self._settings["roles"], self._anchors
        scores, deltas = outputs[roles["scores"]], outputs[roles["deltas"]]
        if roles["scores"] == roles["deltas"]:  # joined: scores, deltas, anchors
            scores, deltas = scores[:, :-8], scores[:, -8:-4]
        sides = anchors[:, 2:] - anchors[:, :2]
        return scores, anchors + deltas * np.concatenate([sides, sides], axis=1)

    def _real(self, details: dict[str, Any]) -> Any:
        values = self._interpreter.get_tensor(details["index"])[0]
        scale, zero_point = details["quantization"]
        if np.issubdtype(values.dtype, np.floating):
            return values.astype(np.float32)
        return (values.astype(np.float32) - zero_point) * np.float32(scale)

    def detect(self, image: Any) -> tuple[list[dict[str, Any]], float]:
        """The detections in an image of any size, and the milliseconds of the network alone."""
        given = preprocess(image, self._settings["preprocess"])
        start = time.perf_counter()
        scores, boxes = self.network(given)
        network_ms = 1e3 * (time.perf_counter() - start)
        found = select(scores, boxes, self._settings)
        boxes = to_image(found[0], image.shape[:2], self._settings["preprocess"])
        names = self._settings["class_names"]
        return [
            {
                "class_id": int(class_id),
                "class_name": names[class_id],
                "score": float(score),
                "box": [float(corner) for corner in box],
            }
            for box, score, class_id in zip(boxes, found[1], found[2])  # noqa: B905 - Python 3.8
            if _area(box) > 0
        ], network_ms


def _runtime() -> tuple[Any, str]:
    for package in PACKAGES:
        try:
            return import_module(package + ".interpreter"), package
        except ImportError:
            continue
    raise RuntimeError(f"python3 has neither {' nor '.join(PACKAGES)}")


def place(size: tuple[int, int], spec: dict[str, Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """``(top, left, height, width)`` of the part that is used, and of where it goes."""
    (h, w), (height, width) = size, (spec["height"], spec["width"])
    too_wide = w * height > h * width
    if spec["aspect_ratio"] == "crop" and too_wide:
        part = max(1, (2 * h * width + height) // (2 * height))
        return (0, (w - part) // 2, h, part), (0, 0, height, width)
    if spec["aspect_ratio"] == "crop":
        part = max(1, (2 * w * height + width) // (2 * width))
        return ((h - part) // 2, 0, part, w), (0, 0, height, width)
    if spec["aspect_ratio"] == "padding" and too_wide:
        inner = max(1, (2 * h * width + w) // (2 * w))
        return (0, 0, h, w), ((height - inner) // 2, 0, inner, width)
    if spec["aspect_ratio"] == "padding":
        inner = max(1, (2 * w * height + h) // (2 * h))
        return (0, 0, h, w), (0, (width - inner) // 2, height, inner)
    return (0, 0, h, w), (0, 0, height, width)


def preprocess(image: Any, spec: dict[str, Any]) -> Any:
    """What the network is shown of an image ``[h, w, 3]`` uint8 RGB, in 0..255."""
    (top, left, h, w), (y, x, height, width) = place(image.shape[:2], spec)
    pixels = image[top : top + h, left : left + w]
    for axis, (n, m) in enumerate(((h, height), (w, width))):
        pixels = RESAMPLERS[spec["interpolation"]](pixels, n, m, axis)
    rounding = {"nearest": 1, "bilinear": 1 << 16, "area": h * w}[spec["interpolation"]]
    canvas = np.full((spec["height"], spec["width"], 3), PADDING_VALUE, np.uint8)
    canvas[y : y + height, x : x + width] = (pixels + rounding // 2) // rounding
    if spec["color_mode"] == "bgr":
        return canvas[..., ::-1]
    if spec["color_mode"] == "grayscale":
        red, green, blue = (canvas[..., c].astype(np.uint16) for c in range(3))
        luma = ((77 * red + 150 * green + 29 * blue + 128) >> 8).astype(np.uint8)
        return np.repeat(luma[..., None], 3, axis=-1)
    return canvas


def _nearest(pixels: Any, n: int, m: int, axis: int) -> Any:
    return pixels.take((2 * np.arange(m) + 1) * n // (2 * m), axis)


def _bilinear(pixels: Any, n: int, m: int, axis: int) -> Any:
    """Times 256."""
    position = ((2 * np.arange(m) + 1) * n * 128 + m // 2) // m - 128
    position = np.clip(position, 0, (n - 1) * 256)
    low, weight = position >> 8, (position & 255).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    before, after = (
        pixels.take(index, axis).astype(np.int64) for index in (low, np.minimum(low + 1, n - 1))
    )
    return (256 - weight) * before + weight * after


def _area_sums(pixels: Any, n: int, m: int, axis: int) -> Any:
    """Times n: what lies under each output pixel, by its overlap in 1 / m source pixel."""
    source, sums = np.moveaxis(pixels, axis, 0), []
    for begin in range(0, n * m, n):
        covered = np.arange(begin // m, -(-(begin + n) // m))
        overlap = np.minimum(begin + n, (covered + 1) * m) - np.maximum(begin, covered * m)
        sums.append(np.tensordot(overlap, source[covered[0] : covered[-1] + 1], 1))
    return np.moveaxis(np.stack(sums), 0, axis)


RESAMPLERS = {"nearest": _nearest, "bilinear": _bilinear, "area": _area_sums}


def select(scores: Any, boxes: Any, settings: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Boxes, scores and classes after suppression, highest score first."""
    boxes = np.clip(boxes, 0, 1)
    candidate = (scores[:, 1:] >= settings["score_threshold"]) & (_area(boxes) > 0)[:, None]
    class_ids, anchor_ids = np.nonzero(candidate.T)
    class_scores = scores[anchor_ids, class_ids + 1]
    order = np.argsort(-class_scores, kind="stable")
    class_ids, class_scores = class_ids[order], class_scores[order]
    boxes = boxes[anchor_ids[order]]
    alive = np.ones(len(order), np.bool_)
    kept: list[int] = []
    for index in range(len(order)):
        if len(kept) == settings["max_detections"]:
            break
        if alive[index]:
            kept.append(index)
            overlap = _overlap(boxes[index], boxes) > settings["nms_iou_threshold"]
            alive &= ~(overlap & (class_ids == class_ids[index]))
    found = boxes[kept]
    if settings.get("box_voting_iou") is not None:
        voters = boxes, class_scores, class_ids
        for place, index in enumerate(kept):
            found[place] = _voted(index, *voters, settings["box_voting_iou"])
    return found, class_scores[kept], class_ids[kept]


def _voted(kept: int, boxes: Any, scores: Any, class_ids: Any, voting_iou: float) -> Any:
    """The mean, weighted by score, of the boxes that vote for a kept one."""
    votes = (_overlap(boxes[kept], boxes) >= voting_iou) & (class_ids == class_ids[kept])
    weights = scores[votes]
    # One after the other, unlike np.sum.
    total = np.add.accumulate(np.append(np.float32(0), weights))[-1]
    sums = np.add.accumulate(np.vstack([boxes[kept] * 0, weights[:, None] * boxes[votes]]))[-1]
    if not total > scores[kept]:
        return boxes[kept]
    moved = sums / total
    return moved if _area(moved) > 0 else boxes[kept]


def _area(boxes: Any) -> Any:
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return sides[..., 0] * sides[..., 1]


def _overlap(box: Any, boxes: Any) -> Any:
    """Intersection over union of a box with each of others."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    sides = np.maximum(high - low, 0)
    shared = sides[:, 0] * sides[:, 1]
    union = _area(box) + _area(boxes) - shared
    return shared / np.maximum(union, np.finfo(np.float32).tiny)


def to_image(boxes: Any, size: tuple[int, int], spec: dict[str, Any]) -> Any:
    """Boxes in the network's input as fractions of the image."""
    if spec["aspect_ratio"] != "fit":
        (top, left, h, w), (y, x, height, width) = place(size, spec)
        scale_x, scale_y = width / w, height / h
        shift = [(x - scale_x * left) / spec["width"], (y - scale_y * top) / spec["height"]]
        scale = [scale_x * size[1] / spec["width"], scale_y * size[0] / spec["height"]]
        boxes = ((boxes - np.array(shift * 2)) / np.array(scale * 2)).astype(np.float32)
    return np.clip(boxes, 0, 1)


def decode(content: bytes) -> Any:
    """Pixels ``[h, w, 3]`` uint8 RGB of an image file; PPM without any library."""
    if content.startswith(b"P6"):
        words = content.split(None, 4)[:4]
        width, height = int(words[1]), int(words[2])
        count = 3 * width * height
        if len(content) < count:
            raise ValueError("is truncated")
        return np.frombuffer(content[-count:], np.uint8).reshape(height, width, 3)
    try:
        image_of, operations = import_module("PIL.Image"), import_module("PIL.ImageOps")
    except ImportError:
        raise ValueError("is no PPM file, and python3 has no Pillow for others") from None
    try:
        with image_of.open(io.BytesIO(content)) as image:
            return np.asarray(operations.exif_transpose(image).convert("RGB"))
    except Exception as error:  # whatever a damaged file makes of a decoder
        raise ValueError(" ".join(str(error).split())) from None


def streamed() -> Iterator[tuple[str, bytes]]:
    """Name and content of each image on standard input."""
    source = sys.stdin.buffer
    while True:
        words = source.readline().split()
        if not words:
            return
        name = source.read(int(words[0])).decode("utf-8", "replace")
        yield name, source.read(int(words[1]))


def of_files(names: list[str]) -> Iterator[tuple[str, bytes | str]]:
    """Name and content of each file; in place of the content why it cannot be read."""
    for name in names:
        try:
            yield name, Path(name).read_bytes()
        except OSError as error:
            yield name, error.strerror or str(error)


def record(detector: Detector, name: str, content: bytes | str, checksum: bool) -> dict[str, Any]:
    """The line of one image."""
    if isinstance(content, str):
        return {"file": name, "error": content}
    start = time.perf_counter()
    try:
        image = decode(content)
    except ValueError as error:
        return {"file": name, "error": str(error)}
    decoded = time.perf_counter()
    detections, network_ms = detector.detect(image)
    line = {
        "file": name,
        "frame": None,
        "width": image.shape[1],
        "height": image.shape[0],
        "detections": detections,
        "ms": round(1e3 * (time.perf_counter() - decoded), 3),
        "network_ms": round(network_ms, 3),
        "decode_ms": round(1e3 * (decoded - start), 3),
        "runtime": detector.runtime,
    }
    return {**line, "pixels_crc32": zlib.crc32(image.tobytes())} if checksum else line


def main() -> int:
    """Detect in all images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--threads", type=int, default=min(os.cpu_count() or 1, 4))
    parser.add_argument("--delegate")
    parser.add_argument("--checksum", action="store_true")
    given = parser.parse_args()
    here = Path(__file__)
    try:
        settings = json.loads(here.with_suffix(".json").read_text(encoding="utf-8"))
        model = here.with_suffix(".tflite")
        detector = Detector(settings, model, given.threads, given.delegate)
        side = settings["preprocess"]
        detector.network(np.zeros((side["height"], side["width"], 3), np.uint8))  # warm
    except Exception as error:  # a runtime or delegate may raise anything; the reason goes out
        sys.stderr.write((" ".join(str(error).split()) or type(error).__name__) + "\n")
        sys.stderr.flush()
        os._exit(STOPPED)  # what is left of a delegate would complain behind it
    status = 0
    for name, content in streamed() if given.stream else of_files(given.files):
        line = record(detector, name, content, given.checksum)
        status = SOME_FAILED if "error" in line else status
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
